"""Redis, Asterisk and the switchboard under one supervisor, in the foreground."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from supervisor import events  # type: ignore[import-untyped]
from supervisor.medusa import asyncore_25 as asyncore  # type: ignore[import-untyped]
from supervisor.options import ServerOptions  # type: ignore[import-untyped]
from supervisor.supervisord import Supervisor  # type: ignore[import-untyped]

from ivr import files
from ivr.errors import Fault, IvrError, SettingsError
from ivr.secrets import Secrets
from ivr.settings import Settings

OLDEST_REDIS = (6, 2)
"""What RQ needs."""
LEAST_ROOM = 200_000_000
"""Bytes that must be free on the disk of ``var/`` before anything is started."""
OPEN_FILES = 65_536
"""Wished limit of open files; one call takes about ten."""
LOG_BYTES, LOG_BACKUPS = 10_000_000, 5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """One process that is kept running."""

    name: str
    command: Sequence[str]
    stop_seconds: int = 10
    """After that long a process that was asked to stop is killed."""


def redis_server() -> str:
    """The path of a recent enough ``redis-server``. Raises IvrError saying what to install."""
    path = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin:/usr/bin")
    if not path:
        raise IvrError("redis-server is not there; run ./scripts/setup, or install redis-server")
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"v=(\d+)\.(\d+)", said)
    if not version or (int(version[1]), int(version[2])) < OLDEST_REDIS:
        found = version[0].removeprefix("v=") if version else "of unknown version"
        raise IvrError(f"{path} is {found}; Redis 6.2 or later is needed")
    return path


def redis_command(settings: Settings, secrets: Secrets) -> list[str]:
    """Write ``var/redis/redis.conf``; returns the command that runs our Redis. Raises IvrError."""
    command = [redis_server(), str(settings.paths.var / "redis" / "redis.conf")]
    _write(Path(command[1]), redis_conf(settings, secrets))
    return command


def prepare(var: Path, programs: Sequence[Program]) -> Path:
    """Write the supervisor's configuration into ``var/``; returns its path. Raises IvrError."""
    conf = var / "supervisord.conf"
    _write(conf, supervisor_conf(var, programs))
    with _told(var / "log"):
        (var / "log").mkdir(exist_ok=True)
    return conf


@contextlib.contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold ``var/`` against a second switchboard. Raises IvrError when one is running there."""
    lock = var / ".running.lock"
    with _told(lock):
        var.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IvrError(f"a switchboard is running in {var} already") from error
        yield


def check(settings: Settings) -> None:
    """See that the ports are free and the disk has room.

    Raises SettingsError naming each setting to change, or IvrError.
    """
    if faults := taken_ports(settings):
        raise SettingsError(faults)
    free = shutil.disk_usage(settings.paths.var).free
    if free < LEAST_ROOM:
        raise IvrError(
            f"the disk of {settings.paths.var} has only {free / 1e6:.0f} MB left; make room "
            f"({LEAST_ROOM / 1e6:.0f} MB at least), or no call and no callback can be recorded"
        )


def taken_ports(settings: Settings) -> list[Fault]:
    """Ports of the settings that another program uses, as faults that name key and port.

    Asterisk would start without a port that it cannot have, and only say so in its log.
    """
    udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
    wanted = (
        ("sip.port", udp, str(settings.sip.bind), settings.sip.port),
        ("asterisk.http_port", tcp, "127.0.0.1", settings.asterisk.http_port),
        ("asterisk.ami_port", tcp, "127.0.0.1", settings.asterisk.ami_port),
        ("redis.port", tcp, "127.0.0.1", settings.redis.port),
        ("console.port", tcp, str(settings.console.bind), settings.console.port),
    )
    return [fault for one in wanted if (fault := _port_fault(*one))]


def _port_fault(key: str, kind: socket.SocketKind, address: str, port: int) -> Fault | None:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:  # as servers do: a port just given back is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                said = f"this machine has no address {address}; choose one that it has"
                return Fault("ivr.toml", 0, key.partition(".")[0] + ".bind", said)
            said = (
                f"{address}:{port} cannot be used ({error.strerror}); stop the program that holds "
                "it, or choose another"
            )
            return Fault("ivr.toml", 0, key, said)
    return None


def supervise(conf: Path, to: TextIO = sys.stdout) -> None:
    """Keep the programs of ``conf`` running until SIGINT, SIGTERM or SIGHUP; then stop them all.

    What they print goes to ``var/log/`` and, with their names before it, to ``to``.
    """
    _raise_limit()
    options = _Options()
    options.realize(["--nodaemon", "--configuration", str(conf)])
    options.first, options.test = True, False
    try:
        _Supervisor(options, _Console(to)).main()
    except asyncore.ExitNow:
        return  # its way to say that all have stopped
    finally:
        options.close_logger()


def redis_conf(settings: Settings, secrets: Secrets) -> str:
    """Our own Redis: loopback only, with a password; every write is on the disk before it is
    acknowledged, and nothing is ever evicted."""
    return f"""\
bind 127.0.0.1
port {settings.redis.port}
protected-mode yes
requirepass {secrets.redis}
daemonize no
dir {_redis_quoted(settings.paths.var / "redis")}
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
always-show-logo no
loglevel warning
"""


def supervisor_conf(var: Path, programs: Sequence[Program]) -> str:
    """The configuration of ``supervisord`` for programs that are started in this order."""
    lines = [
        "; Written anew at each start.",
        "[supervisord]",
        "nodaemon=true",
        *(["user=root"] if os.getuid() == 0 else []),  # it wants to be told so
        f"pidfile={_ini(var / 'supervisord.pid')}",
        "logfile=/dev/null",
        "logfile_maxbytes=0",
        "loglevel=error",
        f"childlogdir={_ini(var / 'log')}",
        "umask=077",
    ]
    for order, program in enumerate(programs, 1):
        lines += [
            "",
            f"[program:{program.name}]",
            f"command={_ini(shlex.join(program.command))}",
            f"priority={order}",
            "autorestart=true",
            "startsecs=2",
            "startretries=10000",
            f"stopwaitsecs={program.stop_seconds}",
            "stopasgroup=false",
            "killasgroup=true",
            "redirect_stderr=true",
            "stdout_events_enabled=true",
            f"stdout_logfile={_ini(var / 'log' / f'{program.name}.log')}",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_BACKUPS}",
        ]
    return "\n".join(lines) + "\n"


def _ini(value: Path | str) -> str:
    """A value as the supervisor reads it back. Raises IvrError for one that it cannot."""
    text = str(value)
    if re.search(r"[\x00-\x1f%]|\s[;#]", text):
        raise IvrError(f"{text!r}: the folder's name has characters that cannot be used")
    return text


def _redis_quoted(path: Path) -> str:
    if re.search(r"[\x00-\x1f\"\\]", str(path)):
        raise IvrError(f"{str(path)!r}: the folder's name has characters that cannot be used")
    return f'"{path}"'


def _write(path: Path, text: str) -> None:
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_private(path, text)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IvrError(f"{error.filename or path}: cannot be written: {error.strerror}") from error


def _raise_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wished = OPEN_FILES if most == resource.RLIM_INFINITY else min(most, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wished, most))


class _Options(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    """A closed terminal ends all, and no child outlives a supervisor that was killed."""

    _libc = ctypes.CDLL(None)

    def get_signal(self) -> int | None:
        received: int | None = super().get_signal()
        return signal.SIGTERM if received == signal.SIGHUP else received

    def setpgrp(self) -> None:
        """Called in each child before it becomes its program."""
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        super().setpgrp()


class _Supervisor(Supervisor):  # type: ignore[misc]  # supervisor has no types
    """Has a console told what happens."""

    def __init__(self, options: ServerOptions, console: _Console) -> None:
        super().__init__(options)
        self._console = console

    def runforever(self) -> None:
        events.subscribe(events.ProcessLogEvent, self._console.printed)
        events.subscribe(events.ProcessStateEvent, self._console.changed)
        super().runforever()


@dataclass
class _Console:
    """Prints what the programs say and what becomes of them; stops when nobody listens."""

    to: TextIO
    _rest: dict[str, bytes] = field(default_factory=dict)

    def printed(self, event: Any) -> None:
        name = event.process.config.name
        *lines, self._rest[name] = (self._rest.get(name, b"") + _bytes(event.data)).split(b"\n")
        for line in lines:
            self._print(name, line.decode(errors="replace").rstrip("\r"))

    def changed(self, event: Any) -> None:
        process = event.process
        name = process.config.name
        if isinstance(event, events.ProcessStateRunningEvent):
            self._print("supervisor", f"{name} is running, pid {process.pid}")
        elif isinstance(event, events.ProcessStateStoppedEvent):
            self._print("supervisor", f"{name} has stopped")
        elif isinstance(event, events.ProcessStateExitedEvent | events.ProcessStateBackoffEvent):
            self._print("supervisor", f"{name} has ended by itself; it is started again")
        elif isinstance(event, events.ProcessStateFatalEvent):
            self._print("supervisor", f"{name} does not start; see var/log/{name}.log")

    def _print(self, name: str, line: str) -> None:
        try:
            print(f"{name:<11} | {line}", file=self.to, flush=True)
        except (OSError, ValueError):
            self.to = open(os.devnull, "w")  # noqa: SIM115  # the terminal is gone; logs go on


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data
