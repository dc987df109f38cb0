"""What a call asks about the operators, and what it leaves for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ivr.dialogue.turns import Availability


class Desk(Protocol):
    """What lies between a call and the operators. Its methods return at once and raise nothing."""

    def queues(self) -> Mapping[str, Availability]:
        """Who is free, by department; those that nothing is known of are missing."""

    def ahead(self, call_id: str, department: str) -> int | None:
        """How many would be served before a caller who has left a queue; None when not known."""

    def whisper(self, call_id: str, reason: str) -> str:
        """Begin to render what the operator who picks up hears; its name, empty for none."""


class NoDesk:
    """Nothing is known of the operators, and nothing whispered."""

    def queues(self) -> Mapping[str, Availability]:
        """None is known."""
        return {}

    def ahead(self, call_id: str, department: str) -> int | None:
        """Not known."""
        return None

    def whisper(self, call_id: str, reason: str) -> str:
        """Nothing."""
        return ""
