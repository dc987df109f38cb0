"""A caller's line, as ``call.py`` sees it: listen, speak, be interrupted, hand over, hang up."""

from __future__ import annotations

from typing import Protocol

from ivr.events import CallStarted, Interrupted, LegEvent, QueueRequest


class Leg(Protocol):
    """One caller's line. Every method raises CallerGone once the caller has hung up."""

    @property
    def started(self) -> CallStarted:
        """The event that opened this leg."""

    async def receive(self) -> LegEvent:
        """The next frame of voice, key, or mark, in order.

        Frames arrive every 20 ms for as long as the call lasts, silence included: they are the
        clock of the conversation.
        """

    async def play(self, pcm: bytes, mark: str) -> None:
        """Queue a clip (16 kHz, signed 16 bit, mono) after those already queued; returns at once.

        ``Played(mark)`` is received when the caller has heard all of it. Marks are unique within
        a call.
        """

    async def flush(self) -> Interrupted | None:
        """Stop speaking at once and drop what is queued; None if nothing was playing."""

    async def send_to_queue(self, request: QueueRequest) -> None:
        """Leave the application for the operators' queue. The leg is of no further use."""

    async def hang_up(self) -> None:
        """End the call. Safe to call when the caller has already gone (raises nothing)."""
