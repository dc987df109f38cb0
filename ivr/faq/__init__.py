"""What is known about the FAQ beyond its files: who changed it, and how callers use it."""
