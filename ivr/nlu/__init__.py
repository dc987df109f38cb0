"""From what was heard to what was meant."""
