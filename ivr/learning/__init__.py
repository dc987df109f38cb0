"""Learns from calls: what callers said and were not understood becomes examples of the FAQ."""
