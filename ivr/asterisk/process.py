"""One running Asterisk: start, wait until it is ready, send it commands, stop."""

from __future__ import annotations

import asyncio
import ctypes
import signal
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ivr.asterisk.configuration import Home
from ivr.asterisk.program import AsteriskProgram, find_asterisk
from ivr.asterisk.render import PhoneSpec, QueueSpec, TelephoneSecrets, render, switchboard_home
from ivr.errors import AsteriskError
from ivr.settings import Settings

START_LIMIT = 30.0
"""Seconds until Asterisk must be ready."""
STOP_LIMIT = 10.0
"""Seconds until it is stopped by force."""
COMMAND_LIMIT = 15.0
"""Seconds until a command must be answered."""
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_LIBC = ctypes.CDLL(None)
POLL = 0.02
"""Seconds between two looks at an Asterisk that is to get somewhere."""


class AsteriskProcess:
    """An Asterisk of ours, as an asynchronous context manager: ready inside, stopped after."""

    def __init__(self, program: AsteriskProgram, home: Home) -> None:
        """``home`` holds a rendered configuration."""
        self.program = program
        self.home = home
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """Its process id. Raises AsteriskError when it has not been started."""
        return self._running().pid

    @property
    def console(self) -> Path:
        """What it has printed since the last start."""
        return self.home.log / "console.log"

    async def start(self) -> None:
        """Start and wait until everything is loaded.

        Raises AsteriskError with Asterisk's own words when it does not come up.
        """
        with self.console.open("wb") as console:
            self._process = await asyncio.create_subprocess_exec(
                *self.program.command(self.home.conf),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                cwd=self.home.root,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )
        try:
            async with asyncio.timeout(START_LIMIT):
                await self._until_ready(self._process)
        except TimeoutError as error:
            await self.stop()
            raise AsteriskError(
                f"Asterisk was not ready after {START_LIMIT:.0f} s; see {self.console}"
            ) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it, by force after a while. Safe when it has stopped by itself."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """Stop it as a power cut would."""
        process, self._process = self._running(), None
        process.kill()
        await process.wait()

    async def rx(self, command: str) -> str:
        """What Asterisk answers to a console command. Raises AsteriskError."""
        process = await asyncio.create_subprocess_exec(
            *self.program.remote(self.home.conf, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(COMMAND_LIMIT):
                output, _ = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise AsteriskError(f"Asterisk did not answer {command!r}") from error
        text = output.decode(errors="replace").strip()
        if process.returncode:
            raise AsteriskError(f"Asterisk refused {command!r}: {text}")
        return text

    async def until(self, command: str, holds: Callable[[str], bool]) -> str:
        """Ask again and again until the answer is as wanted; whoever calls bounds the wait."""
        while True:
            if holds(said := await self.rx(command)):
                return said
            await asyncio.sleep(POLL)

    async def reload(self) -> None:
        """Have it read its configuration again, without touching calls. Raises AsteriskError."""
        await self.rx("core reload")

    async def channels(self) -> list[str]:
        """The names of all channels that exist."""
        lines = (await self.rx("core show channels concise")).splitlines()
        return [line.partition("!")[0] for line in lines if "!" in line]

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while True:
            if process.returncode is not None:
                raise AsteriskError(
                    f"Asterisk does not start: {self._last_words()}; see {self.console}"
                )
            if self.home.socket.exists():
                try:
                    said = await self.rx("core waitfullybooted")
                except AsteriskError:
                    said = ""  # The socket of an earlier run; the new one is not there yet.
                if "fully booted" in said:
                    return
            await asyncio.sleep(POLL)

    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise AsteriskError("Asterisk has not been started")
        return self._process

    def _last_words(self) -> str:
        with self.console.open(encoding="utf-8", errors="replace") as lines:
            said = [line.strip() for line in deque(lines, maxlen=200) if line.strip()]
        errors = [
            line for line in said if " ERROR[" in line
        ]  # the first is the cause of the others
        return (errors or said[-1:] or ["it said nothing"])[0]


def switchboard(
    settings: Settings,
    secrets: TelephoneSecrets,
    queues: Sequence[QueueSpec],
    phones: Sequence[PhoneSpec],
) -> AsteriskProcess:
    """The switchboard's Asterisk, found and configured, not yet started.

    Raises what ``find_asterisk`` and ``render`` raise.
    """
    program = find_asterisk(settings)
    render(settings, secrets, queues, phones, program)
    return AsteriskProcess(program, switchboard_home(settings))


RELOADS = (
    "module reload res_pjsip.so",
    "dialplan reload",
    "module reload app_queue.so",
    "channel originate Local/s@duty-again application NoOp",
)
"""Telephones, and the hints in the dialplan, before the queues that look at them; at last the
reasons of pauses, which a reload of the queues forgets."""


async def take_up(program: AsteriskProgram, home: Home) -> bool:
    """Have the Asterisk that runs here take up new telephones, queues and dialplan.

    False when none runs. Raises AsteriskError when it does not obey.
    """
    asterisk = AsteriskProcess(program, home)
    try:
        await asterisk.rx("core waitfullybooted")
    except AsteriskError:  # it cannot be reached, whether a socket was left behind or not
        return False
    for command in RELOADS:
        said = await asterisk.rx(command)
        if said and "reloaded" not in said:
            raise AsteriskError(f"Asterisk does not obey {command!r}: {said}")
    return True


def _end_with_us() -> None:
    """In the new process: leave with the program that started it, even if that one is killed."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
