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

import httpx
import platformdirs
from ivr.speech.engines import load_recogniser

from ivr import app
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import ARI_APP, ARI_USER, switchboard_home
from ivr.audio.pcm import silence
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Call
from ivr.secrets import load_or_create
from ivr.settings import Settings
from ivr.speech.prompts import SpeechCache
from ivr.speech.recogniser import Recogniser
from ivr.speech.speaker import PAUSE_MS
from ivr.speech.spoken import sentences
from ivr.speech.voices import open_speech
from ivr.testcaller.caller import Manner, Telephones, telephones
from ivr.testcaller.network import Network, private_settings

ROOT = Path(__file__).parents[1]
KEPT = Path(platformdirs.user_cache_dir("allo-mairie")) / "tests"
"""Speech rendered by earlier runs: clips are named by all that shapes them."""
DESK = "101"
"""The extension of the only operator, who serves every department."""
START_LIMIT = 60.0
"""Seconds until ``ivr serve`` must have loaded its models, on a busy machine."""


class Serve:
    """``ivr serve`` as a process of its own, to be stopped and killed."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self._settings = settings
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
                env=os.environ | _environment(self._settings),
                cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(START_LIMIT):
            await self._until_connected()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL is a crash. Returns when the process is gone."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        await self._process.wait()

    async def _until_connected(self) -> None:
        secrets = load_or_create(self._settings.paths.var)
        url = f"http://127.0.0.1:{self._settings.asterisk.http_port}/ari/applications/{ARI_APP}"
        async with httpx.AsyncClient(auth=(ARI_USER, secrets.ari), trust_env=False) as client:
            while not (await client.get(url)).is_success:
                assert self._process is not None
                assert self._process.returncode is None, self._log.read_text()
                await asyncio.sleep(0.1)  # Asterisk has no way to tell


@dataclass(frozen=True)
class Town:
    """What a test of calls needs."""

    settings: Settings
    asterisk: AsteriskProcess
    serve: Serve
    phones: Telephones
    log: CallLog

    async def last_call(self) -> Call:
        """As logged so far."""
        return (await self.log.calls(limit=1))[0]


@asynccontextmanager
async def town(root: Path) -> AsyncIterator[Town]:
    """Everything up, with all operators' telephones on their desks."""
    settings = private_settings(
        root / "var", {"paths": {"var": root / "var", "knowledge": _one_operator(root)}}
    )
    (KEPT / "speech").mkdir(parents=True, exist_ok=True)
    (root / "var").mkdir()
    (root / "var" / "speech").symlink_to(KEPT / "speech")
    app.render_asterisk(settings)
    secrets = load_or_create(settings.paths.var)
    home = switchboard_home(settings)
    serve = Serve(settings, root / "serve.log")
    database = Database(settings.database_url)
    async with (
        people(settings) as manner,
        AsteriskProcess(find_asterisk(settings), home) as asterisk,
        Network(root / "network", settings, secrets, list(secrets.phones)) as network,
        telephones(network, manner) as phones,
    ):
        try:
            await serve.start()
            yield Town(settings, asterisk, serve, phones, CallLog(database))
        finally:
            await serve.stop()
            await database.close()


@asynccontextmanager
async def people(settings: Settings) -> AsyncIterator[Manner]:
    """How callers speak and understand: with the switchboard's own engines."""
    recogniser = await asyncio.to_thread(load_recogniser, settings)
    speech = open_speech(settings)
    try:
        yield Manner(_Voice(speech), _Ear(recogniser))
    finally:
        await speech.close()
        await recogniser.close()


@dataclass(frozen=True)
class _Voice:
    speech: SpeechCache

    async def __call__(self, text: str) -> bytes:
        return silence(PAUSE_MS).join([await self.speech.clip(one) for one in sentences(text)])


@dataclass(frozen=True)
class _Ear:
    recogniser: Recogniser

    async def __call__(self, pcm: bytes) -> str:
        session = self.recogniser.session()
        try:
            await session.feed(pcm)
            return (await session.transcript()).text
        finally:
            await session.close()


def _one_operator(root: Path) -> Path:
    """The sample knowledge, of a town hall with one operator who is there day and night."""
    copy = root / "knowledge"
    shutil.copytree(ROOT / "knowledge", copy)
    hours = copy / "hours.yaml"
    always = "modes:\n  - {mode: machine-first}\n"
    hours.write_text(re.sub(r"(?ms)^modes:.*", always, hours.read_text()))
    departments = re.findall(r"^  - id: (\S+)", (copy / "departments.yaml").read_text(), re.M)
    operator = f'{{name: Martine Dubois, extension: "{DESK}", departments: {departments}}}'
    (copy / "operators.yaml").write_text(f"operators:\n  - {operator}\n")
    return copy


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as variables for another process."""
    return {
        "IVR_PATHS_VAR": str(settings.paths.var),
        "IVR_PATHS_KNOWLEDGE": str(settings.paths.knowledge),
        "IVR_SIP_PORT": str(settings.sip.port),
        "IVR_ASTERISK_HTTP_PORT": str(settings.asterisk.http_port),
        "IVR_ASTERISK_AMI_PORT": str(settings.asterisk.ami_port),
        "IVR_REDIS_PORT": str(settings.redis.port),
    }
