"""Callbacks on a real database file: taken, claimed, settled, and what people do with them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from ivr.callbacks.attempts import Attempts
from ivr.callbacks.policy import Outcome, Policy, State
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback
from ivr.errors import CallbackError
from ivr.retention.numbers import random_pseudonym

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WISH = Wish("+33612345678", "etat-civil", "passeport", "demain matin", "1.1", NOON)
POLICY = Policy((15 * MINUTE, 60 * MINUTE), most=3)


@dataclass
class Recorded:
    """Keeps what is put into the queue of jobs."""

    planned: list[tuple[int, datetime]] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)
    works: bool = True

    async def plan(self, callback_id: int, due_at: datetime) -> None:
        self.planned.append((callback_id, due_at))

    async def ring(self, attempt: str) -> bool:
        self.rung += [attempt] if self.works else []
        return self.works


@pytest.fixture
def jobs() -> Recorded:
    return Recorded()


@pytest.fixture
def callbacks(database: Database, jobs: Recorded) -> Callbacks:
    return Callbacks(database, jobs, POLICY)


@pytest.fixture
def attempts(database: Database) -> Attempts:
    return Attempts(database, POLICY)


async def only(callbacks: Callbacks) -> Callback:
    (callback,) = await callbacks.open()
    return callback


# --- taking ------------------------------------------------------------------------------------


async def test_a_second_request_updates_the_open_one(callbacks: Callbacks, jobs: Recorded) -> None:
    reference, updated = await callbacks.take(WISH)
    assert not updated
    later = NOON + 60 * MINUTE
    again = replace(WISH, reason="passeport perdu", when="", name="Élodie Martin", due=later)
    assert await callbacks.take(again) == (reference, True)
    callback = await only(callbacks)
    assert (callback.reason, callback.wanted) == ("passeport perdu", "")
    assert (callback.name, callback.due_at) == ("Élodie Martin", later)
    assert jobs.planned == [(callback.id, NOON), (callback.id, later)]


async def test_departments_and_numbers_are_kept_apart(callbacks: Callbacks) -> None:
    first, _ = await callbacks.take(WISH)
    await callbacks.take(replace(WISH, department="eau"))
    await callbacks.take(replace(WISH, number="+33612345679"))
    assert len(await callbacks.open()) == 3
    assert len(await callbacks.open(["eau"])) == 1
    await callbacks.done(first, NOON)
    with pytest.raises(CallbackError, match=f"la référence {first}"):
        await callbacks.done(first, NOON)
    assert len(await callbacks.open()) == 2
    assert [one.reference for one in await callbacks.closed(NOON)] == [first]
    _, updated = await callbacks.take(WISH)
    assert not updated


async def test_a_reference_can_be_read_over_a_bad_line(callbacks: Callbacks) -> None:
    reference, _ = await callbacks.take(WISH)
    assert len(reference) == 4
    assert set(reference) <= set("23456789")


async def test_two_processes_that_take_the_same_number_at_once_make_one_callback(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    databases = [Database(url), Database(url)]
    taken = await asyncio.gather(*(Callbacks(one).take(WISH) for one in databases * 5))
    assert len({reference for reference, _ in taken}) == 1
    for one in databases:
        await one.close()


async def test_a_citizen_who_calls_while_being_called_back(
    callbacks: Callbacks, attempts: Attempts
) -> None:
    reference, _ = await callbacks.take(WISH)
    attempt = await attempts.begin(await only(callbacks), "101", NOON)
    assert attempt
    again = replace(WISH, reason="aussi une carte", at=NOON + MINUTE, when="")
    assert await callbacks.take(again) == (reference, True)
    callback = await only(callbacks)
    assert (callback.state, callback.attempt) == (State.DIALLING, attempt)
    assert callback.reason == "aussi une carte"
    await attempts.settle(attempt, Outcome.BUSY, NOON + MINUTE)
    assert (await only(callbacks)).due_at == NOON + 16 * MINUTE


async def test_a_new_request_is_a_new_start_but_not_within_the_interval(
    callbacks: Callbacks, attempts: Attempts
) -> None:
    await callbacks.take(WISH)
    attempt = await attempts.begin(await only(callbacks), "101", NOON)
    assert attempt
    await attempts.settle(attempt, Outcome.UNKNOWN, NOON + MINUTE)
    assert (await only(callbacks)).state == State.PERSON
    await callbacks.take(replace(WISH, at=NOON + 2 * MINUTE))
    callback = await only(callbacks)
    assert (callback.state, callback.attempts) == (State.PENDING, 0)
    assert callback.due_at == NOON + 15 * MINUTE


# --- attempts ----------------------------------------------------------------------------------


async def test_of_two_claims_one_succeeds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    databases = [Database(url), Database(url)]
    await Callbacks(databases[0]).take(WISH)
    callback = await only(Callbacks(databases[0]))
    claims = [Attempts(one, POLICY).begin(callback, "101", NOON) for one in databases * 4]
    assert sum(claim is not None for claim in await asyncio.gather(*claims)) == 1
    for one in databases:
        await one.close()


async def test_nothing_is_claimed_before_it_is_due_nor_twice_within_the_interval(
    callbacks: Callbacks, attempts: Attempts
) -> None:
    await callbacks.take(WISH)
    callback = await only(callbacks)
    assert await attempts.begin(callback, "101", NOON - MINUTE) is None
    first = await attempts.begin(callback, "101", NOON)
    assert first
    assert await attempts.settle(first, Outcome.NO_ANSWER, NOON + MINUTE)
    callback = await only(callbacks)
    assert await attempts.begin(callback, "101", NOON + 14 * MINUTE) is None
    assert await attempts.begin(callback, "101", NOON + 16 * MINUTE)


@pytest.mark.parametrize(
    ("outcome", "state", "minutes"),
    [
        (Outcome.REACHED, State.DONE, None),
        (Outcome.WRONG_NUMBER, State.DONE, None),
        (Outcome.BUSY, State.PENDING, 15),
        (Outcome.NO_ANSWER, State.PENDING, 15),
        (Outcome.VOICEMAIL, State.PENDING, 15),
        (Outcome.REFUSED, State.PENDING, 15),
        (Outcome.FAILED, State.PENDING, 15),
        (Outcome.NOBODY, State.PENDING, 2),
        (Outcome.NO_SUCH_NUMBER, State.PERSON, None),
        (Outcome.CUT_SHORT, State.PERSON, None),
        (Outcome.UNKNOWN, State.PERSON, None),
    ],
)
async def test_what_follows_an_attempt(
    callbacks: Callbacks,
    attempts: Attempts,
    outcome: Outcome,
    state: State,
    minutes: int | None,
) -> None:
    await callbacks.take(WISH)
    attempt = await attempts.begin(await only(callbacks), "101", NOON)
    assert attempt
    settled = await attempts.settle(attempt, outcome, NOON)
    assert settled
    assert (settled.state, settled.attempt) == (state, None)
    assert settled.attempts == (0 if outcome is Outcome.NOBODY else 1)
    if minutes is not None:
        assert settled.due_at == NOON + minutes * MINUTE
    assert await attempts.settle(attempt, Outcome.BUSY, NOON) is None  # told twice
    (row,) = await callbacks.history(settled.id)
    assert (row.outcome, row.operator, row.ended_at) == (outcome, "101", NOON)


async def test_intervals_grow_and_then_a_person_decides(
    callbacks: Callbacks, attempts: Attempts
) -> None:
    await callbacks.take(WISH)
    at, waits = NOON, []
    while (callback := await only(callbacks)).state == State.PENDING:
        at = callback.due_at
        attempt = await attempts.begin(callback, "101", at)
        assert attempt
        settled = await attempts.settle(attempt, Outcome.NO_ANSWER, at)
        assert settled
        waits.append(settled.due_at - at)
    assert waits == [15 * MINUTE, 60 * MINUTE, timedelta()]
    assert (callback.state, callback.attempts) == (State.PERSON, 3)


async def test_the_next_attempt_falls_within_the_opening_hours(database: Database) -> None:
    monday = NOON + timedelta(days=3)
    policy = replace(POLICY, opening=lambda department, at: max(at, monday))
    callbacks, attempts = Callbacks(database, policy=policy), Attempts(database, policy)
    await callbacks.take(WISH)
    attempt = await attempts.begin(await only(callbacks), "101", NOON)
    assert attempt
    await attempts.settle(attempt, Outcome.BUSY, NOON)
    assert (await only(callbacks)).due_at == monday


# --- what people do ----------------------------------------------------------------------------


async def test_two_operators_who_call_at_once_make_one_call(
    callbacks: Callbacks, jobs: Recorded
) -> None:
    reference, _ = await callbacks.take(WISH)
    orders = [callbacks.call_now(reference, extension, NOON) for extension in ("101", "102")]
    done = await asyncio.gather(*orders, return_exceptions=True)
    (refused,) = [error for error in done if error is not None]
    assert isinstance(refused, CallbackError)
    assert "en cours d'appel" in str(refused)
    assert len(jobs.rung) == 1
    (attempt,) = await callbacks.history((await only(callbacks)).id)
    assert attempt.operator == "101"


async def test_a_claimed_callback_is_no_colleagues(callbacks: Callbacks) -> None:
    reference, _ = await callbacks.take(WISH)
    await callbacks.claim(reference, "101", NOON)
    with pytest.raises(CallbackError, match="déjà pris par le poste 101"):
        await callbacks.claim(reference, "102", NOON)
    with pytest.raises(CallbackError, match="déjà pris par le poste 101"):
        await callbacks.call_now(reference, "102", NOON)
    await callbacks.release(reference, "101", NOON)
    await callbacks.claim(reference, "102", NOON)


async def test_calling_now_before_its_time_keeps_the_interval(
    callbacks: Callbacks, attempts: Attempts, jobs: Recorded
) -> None:
    reference, _ = await callbacks.take(WISH)
    first = await attempts.begin(await only(callbacks), "101", NOON)
    assert first
    await attempts.settle(first, Outcome.BUSY, NOON)
    await callbacks.call_now(reference, "101", NOON + MINUTE)
    await attempts.settle(jobs.rung[0], Outcome.NOBODY, NOON + 2 * MINUTE)
    assert (await only(callbacks)).due_at == NOON + 15 * MINUTE


async def test_calling_now_without_redis_says_so_and_changes_nothing(
    callbacks: Callbacks, jobs: Recorded
) -> None:
    jobs.works = False
    reference, _ = await callbacks.take(WISH)
    with pytest.raises(CallbackError, match="Redis ne répond pas"):
        await callbacks.call_now(reference, "101", NOON)
    callback = await only(callbacks)
    assert (callback.state, callback.attempts) == (State.PENDING, 0)


async def test_while_it_is_dialled_it_can_be_done_and_nothing_else(
    callbacks: Callbacks, attempts: Attempts
) -> None:
    reference, _ = await callbacks.take(WISH)
    attempt = await attempts.begin(await only(callbacks), "101", NOON)
    assert attempt
    for order in (
        callbacks.cancel(reference, NOON),
        callbacks.reschedule(reference, NOON, NOON),
        callbacks.claim(reference, "102", NOON),
        callbacks.report(reference, Outcome.BUSY, NOON),
    ):
        with pytest.raises(CallbackError, match="en cours d'appel"):
            await order
    await callbacks.done(reference, NOON, "Dossier complet.")
    assert await attempts.settle(attempt, Outcome.NO_ANSWER, NOON) is None
    (closed,) = await callbacks.closed(NOON)
    assert (closed.state, closed.outcome, closed.note) == ("done", "reached", "Dossier complet.")


async def test_a_person_decides(callbacks: Callbacks, jobs: Recorded) -> None:
    reference, _ = await callbacks.take(WISH)
    assert await callbacks.report(reference, Outcome.VOICEMAIL, NOON, "message laissé") == "pending"
    callback = await only(callbacks)
    assert (callback.attempts, callback.due_at) == (1, NOON + 15 * MINUTE)
    await callbacks.reschedule(reference, NOON + 90 * MINUTE, NOON, None, "à 13 h 30")
    callback = await only(callbacks)
    assert (callback.attempts, callback.wanted) == (0, "à 13 h 30")
    assert jobs.planned[-1] == (callback.id, NOON + 90 * MINUTE)
    await callbacks.cancel(reference, NOON, "a rappelé")
    assert not await callbacks.open()


async def test_who_called_completes_what_the_telephone_took_to_be_done(
    callbacks: Callbacks, attempts: Attempts, jobs: Recorded
) -> None:
    await callbacks.take(WISH)
    callback = await only(callbacks)
    attempt = await attempts.begin(callback, "101", NOON)
    assert attempt
    assert (await only(callbacks)).operator == "101", "colleagues see who calls"
    await attempts.settle(attempt, Outcome.REACHED, NOON)
    with pytest.raises(CallbackError, match="par un collègue"):
        await callbacks.complete(callback.id, "102", Outcome.BUSY, NOON)
    assert await callbacks.complete(callback.id, "101", Outcome.REACHED, NOON, "Vu") == "done"
    (closed,) = await callbacks.closed(NOON)
    assert (closed.note, closed.attempts) == ("Vu", 1)
    assert await callbacks.complete(callback.id, "101", Outcome.VOICEMAIL, NOON) == "pending"
    again = await only(callbacks)
    assert (again.outcome, again.attempts, again.note) == ("voicemail", 1, "Vu")
    assert jobs.planned[-1] == (callback.id, NOON + 15 * MINUTE)
    assert [one.outcome for one in await callbacks.history(callback.id)] == ["voicemail"]
    with pytest.raises(CallbackError, match="par un collègue"):
        await callbacks.complete(callback.id, "101", Outcome.REACHED, NOON)


@pytest.mark.parametrize("what", ["erased", "asked again"])
async def test_what_is_closed_for_good_is_not_made_again(
    what: str, callbacks: Callbacks, attempts: Attempts, database: Database
) -> None:
    await callbacks.take(WISH)
    callback = await only(callbacks)
    attempt = await attempts.begin(callback, "101", NOON)
    assert attempt
    await attempts.settle(attempt, Outcome.REACHED, NOON)
    if what == "erased":
        gone = update(Callback).values(number=random_pseudonym())
        await database.run(lambda session: session.execute(gone))
    else:
        await callbacks.take(WISH)
    with pytest.raises(CallbackError, match=r"est effacé|plus récent"):
        await callbacks.complete(callback.id, "101", Outcome.VOICEMAIL, NOON)
    assert [one.state for one in await callbacks.closed(NOON)] == ["done"]
