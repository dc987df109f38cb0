"""Callbacks over real telephones, whatever is killed on the way: made once, or left to a person."""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ivr.asterisk.ami import Ami, AmiAddress
from ivr.asterisk.ami_events import Connected
from ivr.asterisk.outside import STATE
from ivr.asterisk.render import AMI_USER
from ivr.callbacks.dialler import settle_at_once
from ivr.callbacks.jobs import RqJobs, dialler_of
from ivr.callbacks.policy import Outcome, Policy
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import Callback
from ivr.knowledge.load import load
from ivr.testcaller.network import free_port
from tests.console import EXTENSION, OPERATOR, Client, console
from tests.exchange import until_on_disk
from tests.redis_server import RedisServer, redis_server
from tests.test_network import Town, town
from tests.town import ROOT, environment

NUMBER = "0612345678"
DESK = "101"


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
        """It and the process that runs a job of its."""
        assert self._process is not None
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def kill_alone(self) -> None:
        """Returns when the job that it had begun is over, too, and nothing of it is left."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
            await self._process.wait()
            async with asyncio.timeout(20):
                while True:
                    os.killpg(self._process.pid, 0)
                    await asyncio.sleep(0.02)


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
    tried = callback.updated_at > callback.taken_at
    return callback.state == "pending" and callback.attempt is None and tried


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
    async with redis_server(it.settings, it.secrets) as redis, it.up("addresses"), settling(it):
        worker = Worker(it, root / "worker.log")
        await worker.start()
        try:
            yield Scene(it, redis, worker, database)
            await worker.kill_alone()
        finally:
            await worker.kill()
            await database.close()


@asynccontextmanager
async def settling(it: Town) -> AsyncIterator[None]:
    """What ``ivr serve`` does for callbacks: how each ends is written down at once."""
    secrets, knowledge = it.secrets, load(it.settings.paths.knowledge)
    ami = Ami(AmiAddress("127.0.0.1", it.settings.asterisk.ami_port, AMI_USER, secrets.ami))
    database = Database(it.settings.database_url)
    dialler = dialler_of(it.settings, knowledge, ami, database)
    tasks = [
        asyncio.create_task(ami.run()),
        asyncio.create_task(settle_at_once(ami, lambda: dialler)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()


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
    assert await scene.take("+33612345678") == reference  # who calls while being called back
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
    callback = await scene.becomes(reference, waits_again)
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
    await scene.worker.kill()
    await scene.redis.stop(signal.SIGKILL)
    await operator.hang_up()
    callback = await scene.becomes(reference, lambda one: one.state not in ("dialling", "pending"))
    await scene.redis.start()
    await scene.worker.start()
    # They spoke for a moment only: whether that was all is for a person to say.
    assert (callback.state, callback.outcome, callback.attempts) == ("person", "cut-short", 1)
    assert len(await scene.callbacks.history(callback.id)) == 1
    await scene.callbacks.done(reference, datetime.now(UTC))


@pytest.mark.telephone
@pytest.mark.parametrize(
    ("moment", "number"), [("operator answers", "+33612345681"), ("citizen rings", "+33612345682")]
)
async def test_asterisk_and_everything_else_are_killed(
    moment: str, number: str, scene: Scene
) -> None:
    phones = scene.it.phones
    reference = await scene.take(number)
    operator = await phones.desk_rings(DESK, 40)
    await operator.answer()
    if moment == "operator answers":
        await operator.until_sound()
        await until_on_disk(scene.it.asterisk)
    else:
        await operator.press("1")
        await phones.public_rings(f"0{number[3:]}", 15)
    await scene.worker.kill()
    await scene.redis.stop(signal.SIGKILL)
    await scene.it.asterisk.kill()
    await scene.redis.start()
    await scene.it.asterisk.start()
    await scene.worker.start()
    if moment == "citizen rings":  # they are not called again by a machine
        callback = await scene.becomes(reference, lambda one: one.state == "person")
        assert (callback.outcome, callback.attempts) == ("unknown", 1)
    else:  # it was not put on disk that they would be called: they were not
        callback = await scene.becomes(reference, waits_again)
        assert (callback.outcome, callback.attempts) == ("", 0)
    assert len(await scene.callbacks.history(callback.id)) == 1
    await scene.callbacks.done(reference, datetime.now(UTC))


@pytest.mark.telephone
async def test_an_operator_calls_now_from_the_console(scene: Scene, tmp_path: Path) -> None:
    """The first time, Asterisk cannot put on disk that the citizen is called: they are not."""
    phones = scene.it.phones
    now = datetime.now(UTC)
    wish = Wish("+33612345683", "accueil", "", "demain", "1.1", now, due=now + timedelta(days=1))
    reference, _ = await scene.callbacks.take(wish)
    page = f"/rappels/{(await scene.callbacks.find(reference)).id}"
    assert EXTENSION == DESK
    async with console(tmp_path, scene.it.settings) as shown, shown.client(OPERATOR) as client:
        assert (await client.post(f"{page}/appeler")).headers["location"].startswith(page)
        operator = await phones.desk_rings(DESK, 40)
        assert "est en cours d'appel" in await told(client, await client.post(f"{page}/appeler"))
        await operator.answer()
        await operator.until_sound()
        with reading(scene.it.asterisk.home.db / "astdb.sqlite3"):
            await operator.press("1")
            callback = await scene.becomes(reference, waits_again)
            assert callback.attempts == 0
        await client.post(f"{page}/appeler")
        operator = await phones.desk_rings(DESK, 40)
        await operator.answer()
        await operator.press("1")
        citizen = await phones.public_rings("0612345683", 15)
        await citizen.answer()
        await citizen.hang_up()
        await operator.press("5")  # they refused
        await scene.becomes(reference, waits_again)
        assert "appel refusé" in (await client.get(page)).text
    await scene.callbacks.cancel(reference, datetime.now(UTC))


@pytest.mark.telephone
async def test_whether_the_provider_answers_is_known(scene: Scene) -> None:
    ami = Ami(
        AmiAddress("127.0.0.1", scene.it.settings.asterisk.ami_port, AMI_USER, scene.it.secrets.ami)
    )
    connected = asyncio.Event()
    ami.subscribe(lambda told: connected.set() if isinstance(told, Connected) else None)
    running = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(20):
            await connected.wait()
        assert await ami.variable(STATE) in ("NOT_INUSE", "INUSE")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@contextmanager
def reading(database: Path) -> Iterator[None]:
    """Another program reads a database, and keeps its owner from writing."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT COUNT(*) FROM astdb").fetchall()
        yield


async def told(client: Client, answer: httpx.Response) -> str:
    """What the page says to which a form leads."""
    return html.unescape((await client.get(answer.headers["location"])).text)
