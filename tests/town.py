"""The whole switchboard for tests that place calls: Asterisk, ``ivr serve``, the public network."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr import exchange
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import ARI_APP, switchboard_home
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Call
from ivr.secrets import load_or_create
from ivr.settings import Settings
from ivr.testcaller.caller import Manner, Speak
from ivr.testcaller.network import Network, private_settings
from ivr.testcaller.people import people
from ivr.testcaller.telephones import Telephones, telephones
from tests.kept import with_what_is_kept

ROOT = Path(__file__).parents[1]
DESK = "101"
"""The extension of the only operator, who serves every department."""
START_LIMIT = 150.0
"""Seconds until ``ivr serve`` must have learnt the knowledge, on a busy machine."""


class Serve:
    """``ivr serve`` as a process of its own, to be stopped and killed."""

    def __init__(self, settings: Settings, asterisk: AsteriskProcess, log: Path) -> None:
        self._settings = settings
        self._asterisk = asterisk
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Returns when Asterisk hands calls to it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("ivr"), "serve",
                env=os.environ | environment(self._settings),
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        ready = asyncio.create_task(
            self._asterisk.until("ari show apps", lambda shown: ARI_APP in shown)
        )
        ended = asyncio.create_task(self._process.wait())
        await asyncio.wait([ready, ended], timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        for task in (ready, ended):
            task.cancel()
        assert ready.done(), self._log.read_text()

    def said(self, text: str) -> int:
        """How often its log says something."""
        return self._log.read_text().count(text)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL is a crash. Returns when the process is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        await self._process.wait()


@dataclass(frozen=True)
class Town:
    """What a test of calls needs."""

    settings: Settings
    asterisk: AsteriskProcess
    serve: Serve
    phones: Telephones
    speak: Speak
    """A caller's voice; what it said once it says again at once."""
    log: CallLog

    async def last_call(self) -> Call:
        """As logged so far."""
        return (await self.log.calls(limit=1))[0]


@asynccontextmanager
async def town(root: Path) -> AsyncIterator[Town]:
    """Everything up, with all operators' telephones on their desks."""
    settings = settings_in(root, _one_operator(root))
    database = Database(settings.database_url)
    async with people(settings) as manner, lines(settings, Manner(*manner)) as (asterisk, phones):
        serve = Serve(settings, asterisk, root / "serve.log")
        try:
            await serve.start()
            yield Town(settings, asterisk, serve, phones, manner[0], CallLog(database))
        finally:
            await serve.stop()
            await database.close()


def settings_in(root: Path, knowledge: Path) -> Settings:
    """Those of a switchboard in a folder of its own, with what earlier runs spoke and learnt."""
    var = with_what_is_kept(root / "var")
    return private_settings(var, {"paths": {"var": var, "knowledge": knowledge}})


@asynccontextmanager
async def lines(
    settings: Settings, manner: Manner
) -> AsyncIterator[tuple[AsteriskProcess, Telephones]]:
    """Its Asterisk, which waits for an application, and the people who call and are called."""
    exchange.render_asterisk(settings)
    secrets = load_or_create(settings.paths.var)
    root = settings.paths.var.parent / "network"
    async with (
        AsteriskProcess(find_asterisk(settings), switchboard_home(settings)) as asterisk,
        Network(root, settings, secrets, list(secrets.phones)) as network,
        telephones(network, manner) as phones,
    ):
        yield asterisk, phones


def _one_operator(root: Path) -> Path:
    """The sample knowledge, of a town hall with one operator who is there day and night."""
    copy = root / "knowledge"
    shutil.copytree(ROOT / "knowledge", copy)
    hours = copy / "hours.yaml"
    always = "modes:\n  - {mode: machine-first}\n"
    hours.write_text(re.sub(r"(?ms)^modes:.*", always, hours.read_text()))
    departments = re.findall(r"^  - id: (\S+)", (copy / "departments.yaml").read_text(), re.M)
    operator = f'{{name: Martine Dubois, extension: "{DESK}", departments: {departments}}}'
    (copy / "operators.yaml").write_text(f"wrap_up: 0\noperators:\n  - {operator}\n")
    return copy


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables for another process."""
    return {
        "IVR_PATHS_VAR": str(settings.paths.var),
        "IVR_PATHS_KNOWLEDGE": str(settings.paths.knowledge),
        "IVR_SIP_PORT": str(settings.sip.port),
        "IVR_ASTERISK_HTTP_PORT": str(settings.asterisk.http_port),
        "IVR_ASTERISK_AMI_PORT": str(settings.asterisk.ami_port),
        "IVR_REDIS_PORT": str(settings.redis.port),
        "IVR_HEARING_SILENCE": "3",  # seconds: half of what callers are given
    }
