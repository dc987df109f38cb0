"""What a call asks about the operators, and what it leaves for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ivr.dialogue.turns import Availability
from ivr.events import QueueRequest
from ivr.waiting.sounds import Sounds
from ivr.waiting.stays import Stays


class Desk(Protocol):
    """What lies between a call and the operators. Its methods return at once and raise nothing."""

    def queues(self) -> Mapping[str, Availability]:
        """Who is free, by department; those that nothing is known of are missing."""

    def ahead(self, call_id: str, department: str) -> int | None:
        """How many would be served before a caller who has left a queue; None when not known."""

    def prepared(self, call_id: str, request: QueueRequest) -> QueueRequest:
        """A call is about to be passed on: what is whispered is added."""


class NoDesk:
    """Nothing is known of the operators, and nothing whispered."""

    def queues(self) -> Mapping[str, Availability]:
        """None is known."""
        return {}

    def ahead(self, call_id: str, department: str) -> int | None:
        """Not known."""
        return None

    def prepared(self, call_id: str, request: QueueRequest) -> QueueRequest:
        """As it is."""
        return request


@dataclass(frozen=True)
class OperatorsDesk:
    """What is known from AMI, and our own voice."""

    presence: Callable[[], Mapping[str, Availability]]
    stays: Stays
    sounds: Sounds

    def queues(self) -> Mapping[str, Availability]:
        """Who is free, by department."""
        return self.presence()

    def ahead(self, call_id: str, department: str) -> int | None:
        """How many would be served before a caller who has left a queue."""
        return self.stays.ahead(call_id, department)

    def prepared(self, call_id: str, request: QueueRequest) -> QueueRequest:
        """The stay will be known with its reason; the operator hears it."""
        self.stays.asked(call_id, request)
        return replace(request, whisper=self.sounds.whisper(call_id, request.reason))
