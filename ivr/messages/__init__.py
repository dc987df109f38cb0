"""Spoken messages: recorded, kept, transcribed. The only sound of callers that is ever kept."""
