"""Writes the record of one call in the background: a slow disk must not make a caller wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from time import monotonic
from typing import Any

from ivr.calllog.log import CallEnd, CallLog, TurnRecord
from ivr.errors import CallLogError
from ivr.events import CallStarted

log = logging.getLogger(__name__)

PATIENCE = 1.0
"""Seconds that a call waits for its record to be written before it is passed on all the same."""


class CallWriter:
    """The record of one call. What cannot be written is logged as an error, and raises nothing."""

    def __init__(self, calllog: CallLog, call_id: str) -> None:
        self._calllog = calllog
        self._call_id = call_id
        self._writes: set[asyncio.Task[int | None]] = set()
        self._turn: asyncio.Task[int | None] | None = None
        """Writes the last turn, and gives its number."""
        self._speech_ended_at: float | None = None

    def begin(self, started: CallStarted) -> None:
        """The call begins, or comes back from the operators' queue."""
        self._write(self._calllog.open_call(started))

    def turn(self, turn: TurnRecord, about_call: Mapping[str, object]) -> None:
        """One more turn, and what it tells of the whole call, by column."""
        self._turn = self._write(self._calllog.add_turn(self._call_id, turn, about_call))

    def speech_ended(self, ms_ago: float) -> None:
        """The caller finished speaking so long ago: from then on they wait for an answer."""
        self._speech_ended_at = monotonic() - ms_ago / 1000

    def answer_begins(self) -> None:
        """The first sound of an answer leaves: note how long the caller waited for it."""
        if self._speech_ended_at is None or self._turn is None:
            return
        waited_ms = round((monotonic() - self._speech_ended_at) * 1000)
        self._speech_ended_at = None
        self._write(self._set_response(self._turn, waited_ms))

    async def end(self, end: CallEnd) -> None:
        """Close the record, and wait a while for all that is being written."""
        self._write(self._calllog.close_call(self._call_id, end))
        await asyncio.wait(self._writes, timeout=PATIENCE)

    async def _set_response(self, turn: asyncio.Task[int | None], waited_ms: int) -> None:
        number = await turn
        if number is not None:
            await self._calllog.set_response(self._call_id, number, waited_ms)

    def _write(self, writing: Coroutine[Any, Any, int | None]) -> asyncio.Task[int | None]:
        async def write() -> int | None:
            try:
                return await writing
            except CallLogError as error:
                log.error("call %s: not logged: %s", self._call_id, error)
                return None

        task = asyncio.create_task(write())
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task
