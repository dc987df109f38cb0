"""What is kept too long goes, what is still needed stays; no column of text is forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import String

from ivr.calllog.database import Database
from ivr.calllog.tables import (
    Base,
    Call,
    Callback,
    CallbackAttempt,
    Message,
    OperatorNote,
    Purge,
    QueueStay,
    Turn,
)
from ivr.errors import IvrError, SettingsError
from ivr.retention import daily, purge
from ivr.retention.numbers import Pseudonyms, is_pseudonym, parse, random_pseudonym, spellings
from ivr.retention.purge import PurgeFailed, Purger
from ivr.retention.rules import RULES, Kind
from ivr.settings import Retention
from ivr.settings_file import load
from tests.retention_rows import (
    NOW,
    NUMBER,
    PSEUDONYMS,
    all_of,
    keep,
    names_in,
    on_disk,
    rows,
    values,
)

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def purger(database: Database, sounds: Path) -> Purger:
    return Purger(database, Retention(), PSEUDONYMS, sounds)


# --- the rules ---------------------------------------------------------------------------------


def test_every_table_and_every_column_of_text_has_a_rule() -> None:
    ruled = {rule.table.__tablename__: rule for rule in RULES}
    tables = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    assert set(ruled) == set(tables), "declare what becomes of it in ivr/retention/rules.py"
    for name, table in tables.items():
        rule = ruled[name]
        columns = table.__table__.columns
        text = sorted(column.key for column in columns if isinstance(column.type, String))
        told = [*rule.numbers, *rule.emptied, *rule.kept, *([rule.sound] if rule.sound else [])]
        assert sorted(told) == text, f"{name}: declare each column once in ivr/retention/rules.py"
        assert {rule.since, *rule.links} <= set(columns.keys())


def test_nothing_of_a_call_may_be_kept_longer_than_the_call(tmp_path: Path) -> None:
    file = tmp_path / "ivr.toml"
    file.write_text("[retention]\ncalls = 60\n")
    with pytest.raises(SettingsError, match="retention: calls must be at least 90"):
        load(file, {})


# --- the purge ---------------------------------------------------------------------------------


async def test_what_is_recent_stays(database: Database, sounds: Path, purger: Purger) -> None:
    await keep(database, sounds, rows(29, "1.1"))
    before = [values(row) for rule in RULES[:-1] for row in await all_of(database, rule.table)]
    assert not await purger.run(NOW)
    after = [values(row) for rule in RULES[:-1] for row in await all_of(database, rule.table)]
    assert before == after
    assert (sounds / "1.1.wav").exists()


async def test_words_go_first_and_numbers_stay(
    database: Database, sounds: Path, purger: Purger
) -> None:
    await keep(database, sounds, rows(31, "1.1"))
    removed = await purger.run(NOW)
    assert removed == {"transcripts": 4, "messages": 1}
    (turn,) = await all_of(database, Turn)
    assert (turn.heard, turn.said, turn.entry) == ("", "", "fuite")
    (call,) = await all_of(database, Call)
    assert (call.caller_number, call.caller_name, call.reason) == (NUMBER, "Mme Petit", "")
    (message,) = await all_of(database, Message)
    assert (message.file, message.transcript, message.seconds) == ("", "", 4.2)
    assert not names_in(sounds)
    (callback,) = await all_of(database, Callback)
    assert (callback.reason, callback.wanted) == ("", "")
    assert (callback.number, callback.note) == ("+33612345678", "Très gentille.")
    assert not await purger.run(NOW), "a second time there is nothing to do"


async def test_numbers_become_pseudonyms_by_which_callers_can_be_counted(
    database: Database, sounds: Path, purger: Purger
) -> None:
    other = rows(93, "1.3", number="0698765432")
    await keep(database, sounds, rows(91, "1.1"), rows(92, "1.2", number="0612345678"), other)
    await purger.run(NOW)
    calls = {call.id: call for call in await all_of(database, Call)}
    assert calls["1.1"].caller_number == calls["1.2"].caller_number
    assert calls["1.1"].caller_number != calls["1.3"].caller_number
    assert all(is_pseudonym(call.caller_number or NUMBER) for call in calls.values())
    assert {call.caller_name for call in calls.values()} == {""}
    callbacks = {one.call_id: one for one in await all_of(database, Callback)}
    assert callbacks["1.1"].number == calls["1.1"].caller_number, "spelt +33, and the same person"
    assert (callbacks["1.1"].name, callbacks["1.1"].note) == ("", "")
    stays = {stay.call_id: stay.caller_number for stay in await all_of(database, QueueStay)}
    assert stays["1.1"] == calls["1.1"].caller_number


@pytest.mark.parametrize("state", ["pending", "dialling", "person"])
async def test_an_open_callback_is_kept_however_old(
    database: Database, sounds: Path, purger: Purger, state: str
) -> None:
    await keep(database, sounds, rows(400, "1.1", state=state))
    await purger.run(NOW)
    (callback,) = await all_of(database, Callback)
    assert (callback.number, callback.name) == ("+33612345678", "Mme Petit")
    assert (callback.reason, callback.note) == ("« une fuite »", "Très gentille.")


async def test_a_call_that_goes_on_is_left_alone(
    database: Database, sounds: Path, purger: Purger
) -> None:
    call, *_ = rows(400, "1.1")
    assert isinstance(call, Call)
    call.ended_at = None
    await keep(database, sounds, [call])
    assert not await purger.run(NOW)


async def test_in_the_end_the_rows_go(database: Database, sounds: Path, purger: Purger) -> None:
    await keep(database, sounds, rows(1096, "1.1"), rows(1094, "1.2"))
    await purger.run(NOW)
    for table in (Call, Turn, QueueStay, Callback, CallbackAttempt, Message, OperatorNote):
        assert len(await all_of(database, table)) == 1, table


async def test_more_than_a_batch_is_removed_in_several(
    database: Database, sounds: Path, purger: Purger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    await keep(database, sounds, *(rows(100 + n, f"1.{n}") for n in range(10)))
    removed = await purger.run(NOW)
    assert removed[Kind.TRANSCRIPTS] == 40
    assert removed[Kind.NUMBERS] == 10 * (2 + 4)  # names of calls and callbacks, numbers of four
    assert not [turn for turn in await all_of(database, Turn) if turn.heard]


async def test_a_sound_that_cannot_be_deleted_is_told_and_the_rest_goes(
    database: Database, sounds: Path, purger: Purger
) -> None:
    await keep(database, sounds, rows(31, "1.1"))
    (sounds / "1.1.wav").unlink()
    (sounds / "1.1.wav").mkdir()  # what cannot be unlinked, also by root
    with pytest.raises(PurgeFailed, match=r"1\.1\.wav"):
        await purger.run(NOW)
    (message,) = await all_of(database, Message)
    assert message.file == "1.1.wav"
    (turn,) = await all_of(database, Turn)
    assert turn.heard == ""
    assert await purger.last_run() is None, "so that it is tried again"


async def test_a_sound_that_no_row_knows_goes_too(sounds: Path, purger: Purger) -> None:
    for name, days in (("old.part", 31), ("new.part", 29)):
        (sounds / name).write_bytes(b"sound")
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(sounds / name, (at, at))
    assert await purger.run(NOW) == {"messages": 1}
    assert names_in(sounds) == ["new.part"]


async def test_what_was_removed_is_recorded(
    database: Database, sounds: Path, purger: Purger
) -> None:
    await keep(database, sounds, rows(31, "1.1"))
    await purger.run(NOW)
    (run,) = await all_of(database, Purge)
    assert isinstance(run, Purge)
    assert (run.started_at, run.removed) == (NOW, {"transcripts": 4, "messages": 1})
    assert await purger.last_run() == NOW


async def test_what_was_removed_is_no_longer_in_the_file(
    database: Database, sounds: Path, purger: Purger, tmp_path: Path
) -> None:
    await keep(database, sounds, rows(400, "1.1"))
    await purger.run(NOW)
    content = on_disk(tmp_path)
    assert b"1.1" in content
    assert b"une fuite" not in content
    assert NUMBER.encode() not in content


KILLED = """
import asyncio, os, signal, sys
from datetime import datetime
from pathlib import Path
from ivr.calllog.database import Database
from ivr.retention import purge
from ivr.retention.numbers import Pseudonyms
from ivr.settings import Retention

purge.BATCH = 2
done = 0
real = purge.Purger._batch

def batch(self, *args):
    global done
    done += 1
    result = real(self, *args)
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

purge.Purger._batch = batch
folder = Path(sys.argv[1])
async def main():
    database = Database(f"sqlite:///{folder / 'calls.sqlite'}")
    pseudonyms = Pseudonyms("a-key-of-the-tests")
    purger = purge.Purger(database, Retention(), pseudonyms, folder / "messages")
    await purger.run(datetime.fromisoformat(sys.argv[2]))
asyncio.run(main())
"""


@pytest.mark.parametrize("step", [1, 3, 6])
async def test_a_purge_that_is_killed_is_taken_up_again(
    database: Database, sounds: Path, purger: Purger, tmp_path: Path, step: int
) -> None:
    await keep(database, sounds, *(rows(100 + n, f"1.{n}") for n in range(3)))
    command = [sys.executable, "-c", KILLED, str(tmp_path), NOW.isoformat(), str(step)]
    killed = await asyncio.to_thread(subprocess.run, command, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert await purger.last_run() is None
    await purger.run(NOW)
    assert not await purger.run(NOW)
    assert not names_in(sounds)
    for call in await all_of(database, Call):
        assert is_pseudonym(call.caller_number or NUMBER)
        assert (call.caller_name, call.reason) == ("", "")


# --- day by day --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "due"),
    [
        ("2026-11-24T03:00:05+00:00", "2026-11-25T04:00:00+01:00"),
        ("2026-11-24T02:59:00+00:00", "2026-11-24T04:00:00+01:00"),
        ("2026-11-20T12:00:00+00:00", "2026-11-21T04:00:00+01:00"),  # long ago: at once
        ("2026-03-28T03:00:01+00:00", "2026-03-29T04:00:00+02:00"),  # summer time begins
        ("2026-10-24T02:00:01+00:00", "2026-10-25T04:00:00+01:00"),  # and ends
    ],
)
def test_the_hour_is_that_of_the_towns_clocks(last: str, due: str) -> None:
    then = datetime.fromisoformat(last)
    later = then + timedelta(days=200)
    assert daily.next_purge(then, later, 4, PARIS) == datetime.fromisoformat(due)


def test_without_a_last_time_or_with_one_in_the_future_it_is_now() -> None:
    assert daily.next_purge(None, NOW, 4, PARIS) == NOW
    assert daily.next_purge(NOW + timedelta(days=1), NOW, 4, PARIS) == NOW


async def test_a_purge_that_fails_is_tried_again_and_ends_nothing(
    database: Database, sounds: Path, purger: Purger, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: asyncio.Queue[float] = asyncio.Queue()
    go_on = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        slept.put_nowait(seconds)
        await go_on.acquire()

    await keep(database, sounds, rows(31, "1.1"))
    (sounds / "1.1.wav").unlink()
    (sounds / "1.1.wav").mkdir()
    monkeypatch.setattr("ivr.retention.daily.sleep", sleep)
    task = asyncio.create_task(daily.purge_daily(purger, lambda: NOW, 4, PARIS))
    try:
        assert await slept.get() == daily.LONGEST_SLEEP
        assert await purger.last_run() is None
        (sounds / "1.1.wav").rmdir()
        go_on.release()
        await slept.get()
        assert await purger.last_run() == NOW
        assert not task.done()
    finally:
        task.cancel()


# --- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["0612345678", "06 12 34 56 78", "06.12.34.56.78", "+33612345678", "+33 6 12 34 56 78",
     "0033612345678", "06\u00a012\u202f34 56-78"],
)  # fmt: skip
def test_a_number_is_read_however_it_is_written(typed: str) -> None:
    assert parse(typed) == "+33612345678"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "pas un numéro"), ("Mme Petit", "pas un numéro"),
        ("06 12 34", "pas un numéro complet"),
        ("0612345678\r\nAction: Originate", "pas un numéro"), ("0612345678\n", "pas un numéro"),
        ("061234567890", "pas un numéro complet"), ("%", "pas un numéro"),
        ("+" + "1" * 30, "pas un numéro"), ("pseudo-abcdefghijklmnop", "pas un numéro"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(typed: str, said: str) -> None:
    with pytest.raises(IvrError, match=said):
        parse(typed)


def test_all_spellings_of_a_number_are_one_person() -> None:
    pseudonyms = {PSEUDONYMS.of(one) for one in spellings("+33612345678")}
    assert len(pseudonyms) == 1
    assert PSEUDONYMS.of("+33612345679") not in pseudonyms
    assert Pseudonyms("another-key").of("0612345678") not in pseudonyms
    (pseudonym,) = pseudonyms
    assert PSEUDONYMS.of(pseudonym) == pseudonym
    assert is_pseudonym(random_pseudonym())
    assert random_pseudonym() != random_pseudonym()
    foreign = {PSEUDONYMS.of(one) for one in ("+442079460000", "00442079460000")}
    assert len(foreign) == 1
