"""Calls and turns in SQL, written as they happen."""
