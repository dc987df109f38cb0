"""How well callers are understood over the telephone: spoken, sent down a line, recognised."""
