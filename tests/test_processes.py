"""The processes under their supervisor, for real: they start, come back, and stop together."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ivr import processes, startup
from ivr.errors import AsteriskError, IvrError, SettingsError
from ivr.secrets import load_or_create
from ivr.settings import Settings
from ivr.settings_file import load
from ivr.testcaller.network import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    variables = {
        "IVR_PATHS_VAR": str(tmp_path / "var"),
        "IVR_SIP_PORT": str(free_port(socket.SOCK_DGRAM)),
        "IVR_ASTERISK_HTTP_PORT": str(free_port()),
        "IVR_ASTERISK_AMI_PORT": str(free_port()),
        "IVR_REDIS_PORT": str(free_port()),
    }
    settings = load(None, variables)
    settings.paths.var.mkdir()
    return settings


# --- what is looked at before anything is started ----------------------------------------------


def test_all_is_well(settings: Settings) -> None:
    processes.check(settings)


def test_every_port_in_use_is_told_with_its_key(settings: Settings) -> None:
    with socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", settings.redis.port))
        one.listen()
        two.bind(("127.0.0.1", settings.sip.port))
        with pytest.raises(SettingsError) as caught:
            processes.check(settings)
    first, second = str(caught.value).splitlines()
    assert first == (
        f"ivr.toml: redis.port: 127.0.0.1:{settings.redis.port} cannot be used (Address already "
        "in use); stop the program that holds it, or choose another"
    )
    assert second.startswith(f"ivr.toml: sip.port: 127.0.0.1:{settings.sip.port} cannot be used")


def test_an_address_that_is_not_ours(settings: Settings) -> None:
    away = settings.model_copy(
        update={"sip": settings.sip.model_copy(update={"bind": "192.0.2.1"})}
    )
    with pytest.raises(SettingsError, match=r"sip.bind: this machine has no address 192.0.2.1"):
        processes.check(away)


def test_a_full_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LEAST_ROOM", 10**18)
    with pytest.raises(IvrError, match=r"the disk of .*var has only \d+ MB left; make room"):
        processes.check(settings)


def test_two_switchboards_in_one_folder(settings: Settings) -> None:
    var = settings.paths.var
    with (
        processes.only_one(var),
        pytest.raises(IvrError, match=f"running in {var} already"),
        processes.only_one(var),
    ):
        pytest.fail("the second one started")
    with processes.only_one(var):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(IvrError, match="cannot be written: Not a directory"),
        processes.only_one(tmp_path / "file" / "var"),
    ):
        pytest.fail("it was made")


def test_asterisk_without_its_configuration(settings: Settings) -> None:
    with pytest.raises(AsteriskError, match=r"asterisk.conf: is not there; run: ivr render"):
        startup.asterisk(settings)


def test_what_is_told_when_it_answers(settings: Settings) -> None:
    told = "\n".join(startup.ready(settings))
    assert "ivr call --say" in told
    assert f"SIP user test-line at 127.0.0.1:{settings.sip.port}" in told
    trunk = settings.trunk.model_copy(update={"test_line": False})
    told = "\n".join(startup.ready(settings.model_copy(update={"trunk": trunk})))
    assert "ivr call" not in told
    assert "test-line" not in told


# --- Redis ----------------------------------------------------------------------------------------


def _pretend_redis(folder: Path, said: str) -> None:
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Redis server v=6.0.16 sha=00000000:0", "is 6.0; Redis 6.2 or later is needed"),
        ("something else", "is of unknown version; Redis 6.2 or later is needed"),
    ],
)
def test_redis_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: str
) -> None:
    _pretend_redis(tmp_path, said)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(IvrError, match=told):
        processes.redis_server()


def test_no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(IvrError, match=r"redis-server is not there; run ./scripts/setup"):
        processes.redis_server()


def test_our_redis_is_private_and_durable(settings: Settings) -> None:
    secrets = load_or_create(settings.paths.var)
    command = processes.redis_command(settings, secrets)
    assert Path(command[1]).stat().st_mode & 0o777 == 0o600
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _until_open(settings.redis.port, server)
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=settings.redis.port).ping()
            client = redis.Redis(port=settings.redis.port, password=secrets.redis)
            told = client.config_get("append*", "maxmemory-policy", "bind", "save")
            assert told["appendonly"] == "yes"
            assert told["appendfsync"] == "always"
            assert told["maxmemory-policy"] == "noeviction"
            assert told["bind"] == "127.0.0.1"
            assert told["save"] == ""
        finally:
            server.terminate()


def _until_open(port: int, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("it ended")


# --- the supervisor ---------------------------------------------------------------------------


class Supervised:
    """A supervisor in a process of its own, and what it prints."""

    def __init__(self, var: Path, programs: dict[str, str]) -> None:
        """``programs``: Python code by name."""
        self.var = var
        conf = processes.prepare(
            var,
            [
                processes.Program(
                    name, [sys.executable, "-uc", textwrap.dedent(code)], stop_seconds=2
                )
                for name, code in programs.items()
            ],
        )
        code = "import sys, pathlib, ivr.processes as p; p.supervise(pathlib.Path(sys.argv[1]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(conf)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until(self, *wanted: str) -> list[str]:
        """Read lines until all of ``wanted`` were printed; the lines that had them."""
        assert self.process.stdout
        left, found = set(wanted), []
        for line in self.process.stdout:
            if has := {text for text in left if text in line}:
                left -= has
                found.append(line.strip())
            if not left:
                return found
        pytest.fail(f"it ended without {left}")

    def ended(self) -> str:
        """Wait until it has ended by itself; what it printed."""
        output, _ = self.process.communicate(timeout=30)
        return output


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    forever = "import os, signal; print('pid', os.getpid(), 'is up'); signal.pause()"
    one = Supervised(tmp_path, {"first": forever, "second": forever.replace("pid", "number", 1)})
    yield one
    if one.process.poll() is None:
        os.killpg(one.process.pid, signal.SIGKILL)
    one.process.communicate()


def _pids(lines: list[str]) -> list[int]:
    return [int(word) for line in lines for word in line.split() if word.isdigit()]


def _gone(pid: int) -> bool:
    """Whether a process has ended, or waits for its parent to notice."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_them_all(supervised: Supervised, how: signal.Signals) -> None:
    pids = _pids(supervised.until("first       | pid", "second      | number"))
    supervised.process.send_signal(how)
    output = supervised.ended()
    assert supervised.process.returncode == 0
    assert "first has stopped" in output
    assert "second has stopped" in output
    assert "Traceback" not in output
    assert all(map(_gone, pids))
    assert not (supervised.var / "supervisord.pid").exists()


def test_one_that_ends_is_started_again(supervised: Supervised) -> None:
    (pid,) = _pids(supervised.until("first       | pid"))
    supervised.until("first is running", "second is running")
    os.kill(pid, signal.SIGKILL)
    supervised.until("first has ended by itself; it is started again")
    (again,) = _pids(supervised.until("first       | pid"))
    assert again != pid


def test_none_outlives_a_supervisor_that_is_killed(supervised: Supervised) -> None:
    pids = _pids(supervised.until("first       | pid", "second      | number"))
    watched = [os.pidfd_open(pid) for pid in pids]
    supervised.process.kill()
    supervised.ended()
    for descriptor in watched:
        ended, _, _ = select.select([descriptor], [], [], 20)
        os.close(descriptor)
        assert ended, "it outlived its supervisor"


def test_what_they_print_is_kept(supervised: Supervised) -> None:
    supervised.until("first       | pid")
    supervised.process.send_signal(signal.SIGTERM)
    supervised.ended()
    assert "is up" in (supervised.var / "log" / "first.log").read_text()


@pytest.mark.parametrize("name", ["100%", "a ;b", "new\nline"])
def test_a_folder_whose_name_cannot_be_used(tmp_path: Path, name: str) -> None:
    var = tmp_path / name
    var.mkdir()
    with pytest.raises(IvrError, match="the folder's name has characters that cannot be used"):
        processes.prepare(var, [])
