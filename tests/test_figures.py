"""The figures of small call logs with known answers, in a real database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Callback, CallbackAttempt, FiguresDay, Turn
from ivr.figures import days as kept_days
from ivr.figures import period as periods
from ivr.figures.fate import Fate
from ivr.figures.period import BadPeriod, Period
from ivr.figures.questions import Usage, usage
from ivr.figures.report import Report, report
from ivr.figures.spread import Spread
from ivr.figures.tally import seconds_step
from ivr.knowledge.base import Knowledge
from tests.figures_log import ANSWER, REJECTED, Log, at

PARIS = ZoneInfo("Europe/Paris")
MONDAY = Period(date(2026, 3, 2), date(2026, 3, 2))
NOW = at("2026-03-10T12:00")


async def of(
    database: Database, town: Knowledge, log: Log, period: Period = MONDAY, now: datetime = NOW
) -> Report:
    rows = log.written()
    await database.run(lambda session: session.add_all(rows))
    return await database.run(lambda session: report(session, town, period, now))


# --- what became of a call -----------------------------------------------------------------------


async def fates(database: Database, town: Knowledge, log: Log) -> dict[str, int]:
    return {fate: n for fate, n in (await of(database, town, log)).figures.fates.items() if n}


async def test_each_call_has_one_fate(database: Database, town: Knowledge) -> None:
    log = Log()
    log.call("2026-03-02T09:00", "answered", ANSWER)
    log.call("2026-03-02T09:00", "callback", ANSWER, {"happened": "callback-taken"})
    log.stay(log.call("2026-03-02T09:00", "transferred"), "2026-03-02T09:01", "answered", 12)
    log.stay(log.call("2026-03-02T09:00", "transferred"), "2026-03-02T09:01", "abandoned", 70)
    log.stay(log.call("2026-03-02T09:00", "emergency"), "2026-03-02T09:01", "abandoned", 5)
    log.message(log.call("2026-03-02T21:00", "gave-up"), "2026-03-02T21:01")
    log.call("2026-03-02T09:00", "gave-up", REJECTED)
    log.call("2026-03-02T09:00", "interrupted")
    log.call("2026-03-02T09:00", None, lasted=None)
    log.call("2026-03-02T09:00", "transferred")  # and nobody saw what became of it
    assert await fates(database, town, log) == {
        Fate.MACHINE: 1, Fate.CALLBACK: 1, Fate.PERSON: 1, Fate.EMERGENCY: 1, Fate.MESSAGE: 1,
        Fate.LOST: 3, Fate.OPEN: 1, Fate.UNKNOWN: 1,
    }  # fmt: skip


async def test_shares_are_of_the_calls_whose_fate_is_known(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    for _ in range(3):
        log.call("2026-03-02T09:00", "answered", ANSWER)
    log.call("2026-03-02T09:00", "gave-up", lasted=4)
    log.call("2026-03-02T09:00", "transferred")
    log.call("2026-03-02T09:00", None, lasted=None)
    figures = (await of(database, town, log)).figures
    assert (figures.offered, figures.settled, figures.lost, figures.quick) == (6, 4, 1, 1)
    assert figures.lost_share == 0.25
    assert figures.share(Fate.MACHINE) == 0.75


async def test_a_call_with_no_answer_that_stands_is_lost(
    database: Database, town: Knowledge
) -> None:
    wrong = {"happened": "heard", "notes": "corrected:passeport rejected"}
    log = Log()
    log.call("2026-03-02T09:00", "answered", ANSWER, wrong)
    assert await fates(database, town, log) == {Fate.LOST: 1}


async def test_who_else_handles_it_is_an_answer(database: Database, town: Knowledge) -> None:
    log = Log()
    log.call("2026-03-02T09:00", "gave-up", {"happened": "heard", "about": "out-of-scope:impots"})
    log.call("2026-03-02T09:00", "gave-up", {"happened": "heard", "about": "out-of-scope more"})
    assert await fates(database, town, log) == {Fate.MACHINE: 1, Fate.LOST: 1}


async def test_an_answer_before_does_not_save_a_caller_whom_nobody_took(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    call = log.call("2026-03-02T09:00", "answered", ANSWER)
    log.stay(call, "2026-03-02T09:01", "abandoned", 30)
    assert await fates(database, town, log) == {Fate.LOST: 1}


async def test_a_call_that_came_back_from_the_queue_and_was_answered_is_not_lost(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    back = {"happened": "returned", "at": at("2026-03-02T09:02:01")}
    later = {**ANSWER, "at": at("2026-03-02T09:02:30")}
    call = log.call("2026-03-02T09:00", "answered", back, later, lasted=170)
    log.stay(call, "2026-03-02T09:01", "timeout", 60)
    call = log.call("2026-03-02T09:00", "callback", back, {"happened": "callback-taken"})
    log.stay(call, "2026-03-02T09:01", "key", 60)
    figures = (await of(database, town, log)).figures
    assert {fate: n for fate, n in figures.fates.items() if n} == {
        Fate.MACHINE: 1,
        Fate.CALLBACK: 1,
    }
    assert dict(figures.transfers) == {"timeout": 1, "key": 1}
    assert figures.abandoned_share == 0


async def test_several_stays_are_one_wait(database: Database, town: Knowledge) -> None:
    log = Log()
    call = log.call("2026-03-02T09:00", "transferred")
    log.stay(call, "2026-03-02T09:01", "timeout", 30, department="eau")
    log.stay(call, "2026-03-02T09:01:30", "answered", 15)
    log.stay(call, "2026-03-02T09:05", "answered", 200)  # passed on to a colleague
    found = await of(database, town, log)
    assert found.figures.offered == 1
    assert found.figures.wait.counted == {45: 1}
    assert found.figures.transfers == {"answered": 1}
    assert list(found.departments) == ["eau"]  # whom the caller wanted


async def test_a_call_that_only_the_queue_saw_counts(database: Database, town: Knowledge) -> None:
    log = Log()
    log.stay("away-1", "2026-03-02T09:00", "abandoned", 40)
    log.stay("away-2", "2026-03-02T10:00", "timeout", 60, department="eau")
    log.stay("away-2", "2026-03-02T10:01", "answered", 10)
    log.stay("away-3", "2026-03-02T11:00", "unknown", 60)
    log.stay("away-4", "2026-03-02T11:00", "", None)
    figures = (await of(database, town, log)).figures
    assert {fate: n for fate, n in figures.fates.items() if n} == {
        Fate.LOST: 1, Fate.PERSON: 1, Fate.UNKNOWN: 1, Fate.OPEN: 1,
    }  # fmt: skip
    assert figures.away == 3
    assert figures.patience.counted == {40: 1}
    assert figures.wait.counted == {70: 1}


# --- when ----------------------------------------------------------------------------------------


async def test_a_call_over_midnight_belongs_to_the_day_it_began_on(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    call = log.call("2026-03-02T23:59", "transferred", lasted=90)
    log.stay(call, "2026-03-03T00:00:30", "answered", 20)
    log.stay("away-1", "2026-03-02T23:58", "timeout", 180)
    log.stay("away-1", "2026-03-03T00:01", "answered", 5)
    both = await of(database, town, log, Period(date(2026, 3, 2), date(2026, 3, 3)))
    assert [counts.total() for counts in both.days.values()] == [2, 0]
    assert both.figures.share(Fate.PERSON) == 1
    assert both.hours[23].total() == 2


async def test_days_on_which_the_clocks_change(database: Database, town: Knowledge) -> None:
    log = Log()
    log.call("2026-03-29T00:30+01:00", "answered", ANSWER)  # 23 hours long
    log.call("2026-03-29T23:30+02:00", "answered", ANSWER)
    log.call("2026-03-30T00:00+02:00", "answered", ANSWER)
    log.call("2026-10-25T02:30+02:00", "answered", ANSWER)  # 25 hours long: 02:30 comes twice
    log.call("2026-10-25T02:30+01:00", "answered", ANSWER)
    log.call("2026-10-25T23:59+01:00", "answered", ANSWER)
    spring = await of(database, town, log, Period(date(2026, 3, 29), date(2026, 3, 29)))
    autumn = await of(database, town, Log(), Period(date(2026, 10, 25), date(2026, 10, 25)))
    assert {hour: n.total() for hour, n in spring.hours.items() if n} == {0: 1, 23: 1}
    assert {hour: n.total() for hour, n in autumn.hours.items() if n} == {2: 2, 23: 1}


def test_periods_and_those_before_them() -> None:
    now = datetime(2026, 3, 30, 22, 30, tzinfo=ZoneInfo("UTC"))  # 00:30 on the 31st in Paris
    day = date(2026, 3, 31)
    today = periods.today(now, PARIS)
    assert today == Period(day, day, time(0, 30))
    assert today.before == Period(date(2026, 3, 30), date(2026, 3, 30), time(0, 30))
    start, end = today.bounds(PARIS)
    assert end - start == timedelta(minutes=30)
    week = periods.last_days(7, now, PARIS)
    assert (week.first, week.last) == (date(2026, 3, 24), date(2026, 3, 30))
    assert (week.before.first, week.before.last) == (date(2026, 3, 17), date(2026, 3, 23))
    month = periods.month(now, PARIS)
    assert (month.first, month.last) == (date(2026, 2, 1), date(2026, 2, 28))
    assert month.before == Period(date(2026, 1, 1), date(2026, 1, 31))
    start, end = Period(date(2026, 3, 29), date(2026, 3, 29)).bounds(PARIS)
    assert end.astimezone(ZoneInfo("UTC")) - start.astimezone(ZoneInfo("UTC")) == timedelta(
        hours=23
    )


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "avant de commencer"),
        (date(2020, 1, 1), date(2026, 3, 1), "trop longue"),
        (date(1, 1, 1), date(1, 1, 2), "hors du calendrier"),
        (date(9999, 12, 30), date(9999, 12, 31), "hors du calendrier"),
    ],
)
def test_periods_that_cannot_be(first: date, last: date, why: str) -> None:
    with pytest.raises(BadPeriod, match=why):
        Period(first, last)


# --- how much, how long --------------------------------------------------------------------------


async def test_requests_gaps_questions_and_marks(database: Database, town: Knowledge) -> None:
    log = Log()
    confirmed = {"happened": "heard", "notes": "confirmed:carte-identite answered:carte-identite"}
    noise = {"happened": "unintelligible", "response_ms": 1500}
    log.call("2026-03-02T09:00", "answered", ANSWER, ANSWER, satisfaction=5)
    log.call("2026-03-02T10:00", "answered", REJECTED, noise, confirmed, satisfaction=2)
    log.call("2026-03-02T10:00", "gave-up", {"happened": "heard", "notes": "corrected:piscine"},
             language="en")  # fmt: skip
    figures = (await of(database, town, log)).figures
    assert figures.questions == [("passeport", 2), ("carte-identite", 1)]
    assert figures.corrected("piscine") == 1
    assert (figures.requests, figures.unanswered_share) == (6, 0.5)
    assert figures.gap.counted == {600: 2, 900: 1, 1500: 1}
    assert (figures.gap.median, figures.gap.p90) == (600, 1500)
    assert (figures.satisfaction.count, figures.satisfaction.mean) == (2, 3.5)
    assert figures.languages == [("fr", 2), ("en", 1)]


async def test_waits(database: Database, town: Knowledge) -> None:
    log = Log()
    for waited in (0, 5, 10, 15, 20, 25, 30, 35, 40, 300):
        log.stay(log.call("2026-03-02T09:00", "transferred"), "2026-03-02T09:01", "answered",
                 waited)  # fmt: skip
    log.stay(log.call("2026-03-02T09:00", "transferred"), "2026-03-02T09:01", "abandoned", 50)
    figures = (await of(database, town, log)).figures
    assert (figures.wait.median, figures.wait.p90, figures.wait.mean) == (20, 40, 48)
    assert figures.wait.within(20) == 0.5
    assert figures.patience.median == 50
    assert figures.abandoned_share == pytest.approx(1 / 11)


def test_steps_are_near_the_time() -> None:
    for seconds in range(5000):
        step = seconds_step(timedelta(seconds=seconds))
        assert abs(step - seconds) <= max(0, seconds / 20), seconds
    assert seconds_step(timedelta(seconds=-3)) == 0


def test_nothing_counted_has_no_figures(town: Knowledge) -> None:
    empty = Spread({})
    assert (empty.mean, empty.median, empty.p90, empty.within(20)) == (None, None, None, None)


async def test_an_empty_period(database: Database, town: Knowledge) -> None:
    found = await of(database, town, Log())
    assert (found.figures.offered, found.figures.lost_share) == (0, None)
    assert found.callbacks.on_time_share is None
    assert list(found.days) == [date(2026, 3, 2)]


async def test_by_department_of_the_queue_or_of_the_question(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    log.call("2026-03-02T09:00", "answered", ANSWER)
    log.stay(log.call("2026-03-02T09:00", "transferred", ANSWER), "2026-03-02T09:01",
             "answered", 5, department="eau")  # fmt: skip
    log.call("2026-03-02T09:00", "gave-up")
    found = await of(database, town, log)
    assert {who: one.offered for who, one in found.departments.items()} == {
        "": 1, "eau": 1, town.entries["passeport"].department: 1,
    }  # fmt: skip


# --- callbacks -----------------------------------------------------------------------------------


async def test_callbacks_made_on_time(database: Database, town: Knowledge) -> None:
    log = Log()
    # Taken on Friday: made by Monday evening is on time, as the week-end is closed.
    log.callback("2026-03-06T10:00", ("2026-03-09T17:00", "reached"), state="done")
    log.callback("2026-03-06T10:00", ("2026-03-10T09:00", "reached"), state="done")
    log.callback("2026-03-06T10:00", ("2026-03-06T11:00", "nobody"), state="pending")
    log.callback("2026-03-06T10:00", state="cancelled", updated="2026-03-06T10:30")
    log.callback("2026-03-06T10:00", state="done", updated="2026-03-06T12:00")
    log.callback("2026-03-06T10:00", ("2026-03-06T12:00", "no-answer"), state="pending",
                 until="2026-03-06T11:00")  # fmt: skip
    friday = Period(date(2026, 3, 6), date(2026, 3, 6))
    found = (await of(database, town, log, friday)).callbacks
    assert (found.count, found.made, found.open, found.late) == (6, 4, 2, 3)
    assert found.on_time_share == 2 / 5
    assert found.outcomes == {"reached": 2, "cancelled": 1, "": 1}
    assert found.oldest == NOW - at("2026-03-06T10:00")
    assert found.delay.median == 7200
    assert list(found.by_department) == ["eau"]
    early = await of(database, town, Log(), friday, at("2026-03-09T12:00"))
    assert early.callbacks.late == 2  # the one that nobody took may still be made today


# --- kept days -----------------------------------------------------------------------------------


def a_week() -> Log:
    log = Log()
    for day in range(2, 9):
        for _ in range(day):
            log.call(f"2026-03-0{day}T09:00", "answered", ANSWER, satisfaction=4)
        log.stay(f"away-{day}", f"2026-03-0{day}T10:00", "answered", day, department="eau")
    return log


WEEK = Period(date(2026, 3, 2), date(2026, 3, 8))


async def test_kept_days_say_the_same_and_outlive_the_calls(
    database: Database, town: Knowledge
) -> None:
    before = await of(database, town, a_week(), WEEK)
    counting = kept_days.Town.of(town)
    assert await kept_days.keep(database, counting, NOW) == 8  # and the quiet 9th
    assert await kept_days.keep(database, counting, NOW) == 0
    assert await of(database, town, Log(), WEEK) == before
    await database.run(lambda session: session.execute(delete(Turn)))
    await database.run(lambda session: session.execute(delete(Call)))
    assert await of(database, town, Log(), WEEK) == before
    dropped, stayed = await kept_days.forget_kept(database, counting)
    assert (dropped, stayed) == (1, 7)  # only what the call log can still tell is counted anew


async def test_a_day_with_a_call_going_on_is_not_kept_yet(
    database: Database, town: Knowledge
) -> None:
    log = Log()
    log.call("2026-03-09T23:59", None, lasted=None)
    log.call("2026-03-08T23:59", "answered", ANSWER)
    await of(database, town, log)
    counting = kept_days.Town.of(town)
    assert await kept_days.keep(database, counting, at("2026-03-10T00:01")) == 1
    assert await database.run(lambda session: list(session.scalars(select(FiguresDay.day)))) == [
        date(2026, 3, 8)
    ]
    assert await kept_days.keep(database, counting, at("2026-03-13T00:01")) == 4


async def test_days_are_counted_anew_after_a_correction(
    database: Database, town: Knowledge
) -> None:
    await of(database, town, a_week(), WEEK)
    counting = kept_days.Town.of(town)
    await kept_days.keep(database, counting, NOW)
    log = Log([], 1000)
    log.call("2026-03-02T09:00", "gave-up")
    assert (await of(database, town, log, WEEK)).figures.lost == 0
    assert await kept_days.forget_kept(database, counting) == (8, 0)
    assert await kept_days.keep(database, counting, NOW) == 8
    assert (await of(database, town, Log(), WEEK)).figures.lost == 1


async def test_callbacks_are_kept_once_all_of_a_day_are_closed_and_outlive_the_purge(
    database: Database, town: Knowledge
) -> None:
    log = a_week()
    log.callback("2026-03-02T10:00", ("2026-03-03T17:00", "reached"), state="done")
    log.callback("2026-03-02T11:00", state="cancelled", updated="2026-03-02T12:00")
    log.callback("2026-03-04T10:00", ("2026-03-04T11:00", "no-answer"), state="pending")
    before = await of(database, town, log, WEEK)
    counting = kept_days.Town.of(town)
    await kept_days.keep(database, counting, NOW)
    assert (await of(database, town, Log(), WEEK)).callbacks == before.callbacks
    done = select(Callback).where(Callback.state != "pending")

    def purge(session: Session) -> None:
        for one in session.scalars(done):
            session.execute(delete(CallbackAttempt).where(CallbackAttempt.callback_id == one.id))
            session.delete(one)

    await database.run(purge)
    after = await of(database, town, Log(), WEEK)
    assert after.callbacks == before.callbacks
    assert (after.callbacks.count, after.callbacks.open) == (3, 1)
    # The 4th is still counted from the call log, and the 2nd cannot be counted anew.
    close = update(Callback).values(state="cancelled")
    await database.run(lambda session: session.execute(close))
    assert (await of(database, town, Log(), WEEK)).callbacks.open == 0
    dropped, stayed = await kept_days.forget_kept(database, counting)
    assert (dropped, stayed) == (7, 1)


async def test_the_use_of_questions_is_kept_by_day(database: Database, town: Knowledge) -> None:
    await of(database, town, a_week(), WEEK)
    counting = kept_days.Town.of(town)

    def used(session: Session) -> Mapping[str, Usage]:
        return usage(session, WEEK, counting.zone)

    before = await database.run(used)
    assert sum(one.answered for one in before.values()) == sum(range(2, 9))
    await kept_days.keep(database, counting, NOW)
    await database.run(lambda session: session.execute(delete(Turn)))
    assert await database.run(used) == before
