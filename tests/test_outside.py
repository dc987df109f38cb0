"""Whether the line outside works, from what Asterisk says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ivr.asterisk import outside
from ivr.asterisk.outside import STATE, OutsideLine
from ivr.errors import AsteriskError


async def test_it_is_known_once_asterisk_tells_and_forgotten_when_it_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outside, "EVERY_S", 0.0)
    monkeypatch.setattr(outside, "SOON_S", 0.0)
    told: Iterator[str | None] = iter([None, "NOT_INUSE", "INUSE", "UNAVAILABLE", None])
    known: list[bool | None] = []

    async def variable(name: str) -> str:
        assert name == STATE
        known.append(line.answers)
        state = next(told, "over")
        if state == "over":
            raise asyncio.CancelledError
        if state is None:
            raise AsteriskError("away")
        return state

    line = OutsideLine(variable)
    with pytest.raises(asyncio.CancelledError):
        await line.watch()
    assert known == [None, None, True, True, False, None]
