"""Callbacks: taken, kept, and made."""
