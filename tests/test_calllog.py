"""The call log on a real database file."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.calllog.database import Database
from ivr.calllog.log import CallEnd, CallLog, TurnRecord
from ivr.errors import CallLogError
from ivr.events import CallerId, CallStarted, QueueOutcome

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def started(call_id: str, minutes: int = 0, returned: QueueOutcome | None = None) -> CallStarted:
    return CallStarted(
        call_id, CallerId("0612345678", "Mme Petit"), "0232001000",
        NOON + timedelta(minutes=minutes), returned,
    )  # fmt: skip


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[CallLog]:
    database = Database(f"sqlite:///{tmp_path / 'new folder' / 'calls.sqlite'}")
    yield CallLog(database)
    await database.close()


async def test_a_call_is_written_as_it_happens(log: CallLog) -> None:
    await log.open_call(started("1.1"))
    assert await log.add_turn("1.1", TurnRecord(NOON, "opened", said="Bonjour")) == 1
    turn = TurnRecord(NOON, "heard", heard="les horaires", entry="horaires-mairie", score=0.9)
    assert await log.add_turn("1.1", turn) == 2
    await log.set_response("1.1", 2, 640)
    (call,) = await log.calls()
    assert call.ended_at is None
    assert [t.heard for t in call.turns] == ["", "les horaires"]
    assert call.turns[1].response_ms == 640
    assert call.started_at == NOON
    await log.close_call("1.1", CallEnd(NOON, "answered", "caller"))
    (call,) = await log.calls()
    assert (call.outcome, call.ended_by, call.ended_at) == ("answered", "caller", NOON)


async def test_a_turn_tells_what_became_of_the_request_and_of_the_call(log: CallLog) -> None:
    await log.open_call(started("1.1"))
    await log.open_call(started("1.2"))
    turn = TurnRecord(NOON, "heard", heard="cinq", notes="satisfaction:5")
    await log.add_turn("1.1", turn, {"satisfaction": 5, "language": "en"})
    one, other = sorted(await log.calls(), key=lambda call: call.id)
    assert (one.satisfaction, one.language, one.turns[0].notes) == (5, "en", "satisfaction:5")
    assert (other.satisfaction, other.language) == (None, "fr")


async def test_a_call_that_comes_back_from_the_queue_goes_on(log: CallLog) -> None:
    await log.open_call(started("1.1"))
    await log.add_turn("1.1", TurnRecord(NOON, "opened"))
    await log.close_call("1.1", CallEnd(NOON, "transferred", "transfer", "eau", "fuite"))
    await log.open_call(started("1.1", 5, QueueOutcome.TIMEOUT))
    assert await log.add_turn("1.1", TurnRecord(NOON, "returned")) == 2
    (call,) = await log.calls()
    assert call.outcome is None
    assert call.started_at == NOON


async def test_calls_are_listed_newest_first_within_a_period(log: CallLog) -> None:
    for number in range(3):
        await log.open_call(started(f"1.{number}", number))
    assert [c.id for c in await log.calls(limit=2)] == ["1.2", "1.1"]
    recent = await log.calls(since=timedelta(seconds=30), now=NOON + timedelta(minutes=2))
    assert [c.id for c in recent] == ["1.2"]


async def test_a_killed_process_leaves_its_call_readable_and_closed_at_the_next_start(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    script = (
        "import asyncio, sys, test_calllog as t\n"
        "async def main():\n"
        f"    log = t.CallLog(t.Database({url!r}))\n"
        "    await log.open_call(t.started('1.1'))\n"
        "    for n in range(1, 1000):\n"
        "        await log.add_turn('1.1', t.TurnRecord(t.NOON, 'heard', heard=str(n)))\n"
        "        print(n, flush=True)\n"
        "asyncio.run(main())\n"
    )
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environ
    )
    assert process.stdout is not None
    for _ in range(3):
        confirmed = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    confirmed = int(rest[-1]) if rest else confirmed
    database = Database(url)
    log = CallLog(database)
    assert await log.close_interrupted() == 1
    (call,) = await log.calls()
    assert (call.outcome, call.ended_by, call.ended_at) == ("interrupted", "failure", NOON)
    written = [int(t.heard) for t in call.turns]
    assert written == list(range(1, len(written) + 1))
    assert len(written) >= confirmed
    assert await log.close_interrupted() == 0
    await database.close()


async def test_a_call_whose_opening_could_not_be_written_is_opened_by_the_next_write(
    tmp_path: Path,
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}", busy_ms=0)
    log = CallLog(database)
    other = sqlite3.connect(tmp_path / "calls.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CallLogError, match="locked"):
        await log.open_call(started("1.1"))
    other.execute("ROLLBACK")
    assert await log.add_turn("1.1", TurnRecord(NOON, "heard")) == 1
    (call,) = await log.calls()
    assert call.caller_number == "0612345678"
    await database.close()


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not
    with pytest.raises(CallLogError, match=r"ivr:\*\*\*@.*driver.*psycopg.*pip install"):
        Database("postgresql+psycopg://ivr:geheim@localhost/calls")


async def test_a_time_without_zone_is_refused(log: CallLog) -> None:
    await log.open_call(started("1.1"))
    with pytest.raises(CallLogError, match="time zone"):
        await log.add_turn("1.1", TurnRecord(datetime(2026, 3, 2), "opened"))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "calls.sqlite"
    file.write_text("not a database, but long enough to be looked at" * 10)
    with pytest.raises(CallLogError, match=r"calls\.sqlite.*not a database"):
        Database(f"sqlite:///{file}")


def test_a_missing_driver_is_named_and_the_password_is_not() -> None:
    with pytest.raises(CallLogError, match="psycopg") as error:
        Database("postgresql+psycopg://ivr:hunter2@localhost/ivr")
    assert "hunter2" not in str(error.value)


def test_an_unreadable_url_is_refused() -> None:
    with pytest.raises(CallLogError, match="unreadable"):
        Database("nonsense")
