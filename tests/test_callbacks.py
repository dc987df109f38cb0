"""Callbacks on a real database file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WISH = Wish("+33612345678", "etat-civil", "passeport", "demain matin", "1.1", NOON)


@pytest.fixture
async def callbacks(tmp_path: Path) -> AsyncIterator[Callbacks]:
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield Callbacks(database)
    await database.close()


async def test_a_second_request_updates_the_open_one(callbacks: Callbacks) -> None:
    reference, updated = await callbacks.take(WISH)
    assert not updated
    again = await callbacks.take(replace(WISH, reason="passeport perdu", when=""))
    assert again == (reference, True)
    (callback,) = await callbacks.pending()
    assert (callback.reason, callback.wanted) == ("passeport perdu", "")


async def test_departments_and_numbers_are_kept_apart(callbacks: Callbacks) -> None:
    first, _ = await callbacks.take(WISH)
    await callbacks.take(replace(WISH, department="eau"))
    await callbacks.take(replace(WISH, number="+33612345679"))
    assert len(await callbacks.pending()) == 3
    assert await callbacks.close(first, "done", NOON)
    assert not await callbacks.close(first, "done", NOON)
    assert len(await callbacks.pending()) == 2
    _, updated = await callbacks.take(WISH)
    assert not updated


async def test_a_reference_can_be_read_over_a_bad_line(callbacks: Callbacks) -> None:
    reference, _ = await callbacks.take(WISH)
    assert len(reference) == 4
    assert set(reference) <= set("23456789")
