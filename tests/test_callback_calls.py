"""Callbacks over real telephones, whatever is killed on the way: made once, or left to a person."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.asterisk.ami_events import Member
from ivr.callbacks.dialler import dialled, free_operator, outcome_of
from ivr.callbacks.jobs import RqJobs
from ivr.callbacks.policy import Outcome, Policy
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback
from ivr.testcaller.network import free_port
from tests.redis_server import RedisServer
from tests.test_network import Town, town
from tests.town import ROOT, environment

NUMBER = "0612345678"
DESK = "101"
SECONDS = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("trace", "restarted", "age", "outcome"),
    [
        ("ended:ANSWER:16:40", False, 60, Outcome.REACHED),
        ("ended:ANSWER:16:3", False, 60, Outcome.CUT_SHORT),
        ("ended:BUSY:17:", False, 60, Outcome.BUSY),
        ("ended:BUSY:21:0", False, 60, Outcome.REFUSED),
        ("ended:NOANSWER:19:0", False, 60, Outcome.NO_ANSWER),
        ("ended:CANCEL:16:0", False, 60, Outcome.NO_ANSWER),
        ("ended:CHANUNAVAIL:1:0", False, 60, Outcome.NO_SUCH_NUMBER),
        ("ended:CHANUNAVAIL:20:0", False, 60, Outcome.FAILED),
        ("ended:ANSWER:16:40", True, 60, Outcome.REACHED),
        ("said:3", False, 60, Outcome.VOICEMAIL),
        ("said:4", False, 60, Outcome.WRONG_NUMBER),
        ("said:1", False, 60, Outcome.REACHED),
        ("dialling", False, 60, Outcome.UNKNOWN),
        ("dialling", True, 60, Outcome.UNKNOWN),
        ("operator", True, 60, Outcome.UNKNOWN),
        ("operator", False, 60, Outcome.NOBODY),
        ("declined", False, 60, Outcome.NOBODY),
        ("begun", False, 3, None),
        ("begun", False, 60, Outcome.NOBODY),
        (None, False, 10, None),
        (None, False, 60, Outcome.NOBODY),
        (None, True, 60, Outcome.UNKNOWN),
    ],
)
def test_what_the_traces_of_an_attempt_tell(
    trace: str | None, restarted: bool, age: int, outcome: Outcome | None
) -> None:
    assert outcome_of(trace, age * SECONDS, restarted=restarted) == outcome


def test_who_is_rung() -> None:
    def member(
        extension: str, state: str = "free", penalty: int = 0, paused: bool = False
    ) -> Member:
        return Member("accueil", f"PJSIP/poste-{extension}", "", state, paused, "", False, penalty)

    all_three = [member("101", penalty=1), member("102"), member("103", "in-use")]
    assert free_operator("accueil", None, all_three, set()) == "102"
    assert free_operator("accueil", None, all_three, {"102"}) == "101"
    assert free_operator("accueil", "101", all_three, set()) == "101"
    assert free_operator("accueil", "103", all_three, set()) is None, "busy, and it is theirs"
    assert free_operator("eau", None, all_three, set()) is None
    assert free_operator("accueil", None, [member("101", paused=True)], set()) is None


def test_numbers_are_dialled_as_in_france() -> None:
    assert dialled("+33612345678") == "0612345678"
    assert dialled("+3221234567") == "003221234567"


class Worker:
    """``ivr worker`` as a process of its own."""

    def __init__(self, it: Town, log: Path) -> None:
        self._it = it
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        trunk = self._it.settings.trunk
        variables = environment(self._it.settings) | {
            "IVR_TRUNK_MODE": trunk.mode,
            "IVR_TRUNK_HOST": trunk.host,
            "IVR_TRUNK_NUMBER": trunk.number,
            "IVR_TRUNK_ADDRESSES": ",".join(map(str, trunk.addresses)),
        }
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("ivr"), "worker",
                env=os.environ | variables, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def kill(self) -> None:
        """It and the processes that run its jobs."""
        assert self._process is not None
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


class Scene:
    """A town with a line outside, an operator, a worker, and callbacks in SQL."""

    def __init__(self, it: Town, redis: RedisServer, worker: Worker, database: Database) -> None:
        self.it = it
        self.redis = redis
        self.worker = worker
        self.callbacks = Callbacks(database, RqJobs(it.settings), Policy())

    async def take(self, number: str) -> str:
        now = datetime.now(UTC)
        wish = Wish(number, "accueil", "passeport", "", "1.1", now, name="Mme Petit")
        reference, _ = await self.callbacks.take(wish)
        return reference

    async def becomes(self, reference: str, holds: Callable[[Callback], bool]) -> Callback:
        """Wait until a callback is so, for 40 s."""
        last: list[Callback] = []
        try:
            async with asyncio.timeout(40):
                while True:
                    everything = [
                        *await self.callbacks.open(),
                        *await self.callbacks.closed(datetime.now(UTC) - timedelta(days=1)),
                    ]
                    last = [one for one in everything if one.reference == reference]
                    if last and holds(last[0]):
                        return last[0]
                    await asyncio.sleep(0.1)
        except TimeoutError:
            shown = [(one.state, one.outcome, one.attempts) for one in last]
            pytest.fail(f"{reference} stays {shown}")


def waits_again(callback: Callback) -> bool:
    """Whether an attempt is over, and another will be made."""
    return callback.state == "pending" and callback.attempt is None


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    root = tmp_path_factory.mktemp("callbacks")
    port = free_port(socket.SOCK_DGRAM, "127.0.0.2")
    knowledge = root / "knowledge"
    shutil.copytree(ROOT / "knowledge", knowledge)
    hours = knowledge / "hours.yaml"
    always = (
        '  mairie: &mairie\n    every_day: ["00:00-24:00"]\n    open_on_public_holidays: true\n'
    )
    text = re.sub(r"(?m)^  mairie: &mairie\n(    .*\n)+", always, hours.read_text())
    text = re.sub(r"(?m)^closures:\n(  - .*\n)+", "closures: []\n", text)
    hours.write_text(re.sub(r"(?ms)^modes:.*", "modes:\n  - {mode: machine-first}\n", text))
    it = town(
        root,
        {
            "mode": "addresses",
            "addresses": ["127.0.0.2"],
            "host": f"127.0.0.2:{port}",
            "number": "+33232001000",
        },
    )
    paths = it.settings.paths.model_copy(update={"knowledge": knowledge})
    it.settings = it.settings.model_copy(update={"paths": paths})
    database = Database(it.settings.database_url)
    async with redis_of(it) as redis, it.up("addresses"):
        worker = Worker(it, root / "worker.log")
        await worker.start()
        try:
            yield Scene(it, redis, worker, database)
        finally:
            await worker.kill()
            await database.close()


@asynccontextmanager
async def redis_of(it: Town) -> AsyncIterator[RedisServer]:
    redis = RedisServer(it.settings, it.secrets)
    await redis.start()
    try:
        yield redis
    finally:
        await redis.stop()


@pytest.mark.telephone
async def test_a_callback_is_made_and_what_was_said_is_kept(scene: Scene) -> None:
    reference = await scene.take("+33612345678")
    phones = scene.it.phones
    operator = await phones.desk_rings(DESK, 30)
    assert operator.presented.name == "Rappel - Mme Petit - passeport"
    assert operator.presented.number == "+33612345678"
    await operator.answer()
    await operator.until_sound()  # what it is about, and which key to press
    await operator.press("1")
    citizen = await phones.public_rings("0612345678", 15)
    assert citizen.presented.number == "+33232001000"
    await citizen.answer()
    await citizen.hang_up()
    await operator.press("3")  # it was a voicemail
    callback = await scene.becomes(
        reference, lambda one: one.state == "pending" and one.attempts > 0
    )
    assert callback.outcome == Outcome.VOICEMAIL
    assert callback.due_at > datetime.now(UTC) + timedelta(minutes=10)
    await scene.callbacks.done(reference, datetime.now(UTC))


@pytest.mark.telephone
async def test_taken_without_redis_it_is_made_when_redis_is_back(scene: Scene) -> None:
    await scene.redis.stop(signal.SIGKILL)
    reference = await scene.take("+33612345679")
    await scene.redis.start()
    operator = await scene.it.phones.desk_rings(DESK, 40)
    await operator.refuse()  # a callback waits for whoever accepts it: the citizen is not rung
    callback = await scene.becomes(
        reference, lambda one: one.state == "pending" and not one.attempt
    )
    assert (callback.attempts, callback.outcome) == (0, "")
    assert [one.outcome for one in await scene.callbacks.history(callback.id)] == ["nobody"]
    await scene.callbacks.cancel(reference, datetime.now(UTC))


@pytest.mark.telephone
async def test_worker_and_redis_are_killed_at_each_step(scene: Scene) -> None:
    async def killed() -> None:
        await scene.worker.kill()
        await scene.redis.stop(signal.SIGKILL)
        await scene.redis.start()
        await scene.worker.start()

    phones = scene.it.phones
    reference = await scene.take("+33612345680")
    await killed()
    operator = await phones.desk_rings(DESK, 40)
    await killed()
    await operator.answer()
    await killed()
    await operator.press("1")
    citizen = await phones.public_rings("0612345680", 15)
    await killed()
    await citizen.answer()
    await killed()
    await operator.hang_up()
    callback = await scene.becomes(reference, lambda one: one.state not in ("dialling", "pending"))
    # They spoke for a moment only: whether that was all is for a person to say.
    assert (callback.state, callback.outcome, callback.attempts) == ("person", "cut-short", 1)
    assert len(await scene.callbacks.history(callback.id)) == 1
    await scene.callbacks.done(reference, datetime.now(UTC))


@pytest.mark.telephone
@pytest.mark.parametrize(
    ("moment", "number", "dialled"),
    [("operator rings", "+33612345681", 1), ("citizen rings", "+33612345682", 1)],
)
async def test_asterisk_and_everything_else_are_killed(
    moment: str, number: str, dialled: int, scene: Scene
) -> None:
    phones = scene.it.phones
    reference = await scene.take(number)
    operator = await phones.desk_rings(DESK, 40)
    if moment == "citizen rings":
        await operator.answer()
        await operator.press("1")
        await phones.public_rings(f"0{number[3:]}", 15)
    await scene.worker.kill()
    await scene.redis.stop(signal.SIGKILL)
    await scene.it.asterisk.kill()
    await scene.redis.start()
    await scene.it.asterisk.start()
    await scene.worker.start()
    # The citizen may have been called: they are not called again by a machine.
    callback = await scene.becomes(reference, lambda one: one.state == "person")
    assert (callback.outcome, callback.attempts) == ("unknown", dialled)
    assert len(await scene.callbacks.history(callback.id)) == 1
    await scene.callbacks.done(reference, datetime.now(UTC))


@pytest.mark.telephone
async def test_an_operator_calls_now(scene: Scene) -> None:
    phones = scene.it.phones
    now = datetime.now(UTC)
    wish = Wish("+33612345683", "accueil", "", "demain", "1.1", now, due=now + timedelta(days=1))
    reference, _ = await scene.callbacks.take(wish)
    await scene.callbacks.call_now(reference, DESK, datetime.now(UTC))
    operator = await phones.desk_rings(DESK, 40)
    await operator.answer()
    await operator.press("2")
    callback = await scene.becomes(
        reference, lambda one: one.state == "pending" and not one.attempt
    )
    assert callback.attempts == 0
    await scene.callbacks.cancel(reference, datetime.now(UTC))
