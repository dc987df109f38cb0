"""The public telephone network and a person on it, for tests and for ``ivr call``."""
