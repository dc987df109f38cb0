"""The scripts refuse what they cannot do, the locks are complete, the units name what exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
SCRIPTS = [*sorted((PROJECT / "scripts").iterdir()), PROJECT / ".ci" / "run"]
LOCKS = [PROJECT / "requirements.lock", PROJECT / "requirements-dev.lock"]
UNITS = PROJECT / "docs" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))


def _run(command: Sequence[str | Path], **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- scripts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_each_can_be_run_and_stops_at_a_fault(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail\n" in text or script.parent.name == ".ci"
    assert _run(["bash", "-n", script]).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--bogus"], "usage: scripts/setup"), (["--offline"], "needs a folder")],
)
def test_set_up_says_how_it_is_used(arguments: list[str], said: str) -> None:
    done = _run([PROJECT / "scripts" / "setup", *arguments])
    assert done.returncode != 0
    assert said in done.stderr
    assert done.stdout == ""


def test_before_set_up_the_command_says_so(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts" / "ivr", tmp_path / "scripts")
    done = _run([tmp_path / "scripts" / "ivr", "check"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "run: ./scripts/setup" in done.stderr


def test_no_other_python_will_do(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts" / "setup", tmp_path / "scripts")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "env", "dirname"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    # The script adds the system's folders of administration, which hold no Python.
    done = _run([tmp_path / "scripts" / "setup"], PATH=str(tools), HOME=str(tmp_path))
    assert done.returncode == 1
    assert "Python 3.11 is not there" in done.stderr


@pytest.mark.parametrize(
    "command",
    sorted(
        {
            tuple(found.split())
            for file in [*SCRIPTS, *SERVICES]
            for found in re.findall(
                r"\.venv/bin/ivr((?: [a-z]+| --[a-z]+)+)", file.read_text(encoding="utf-8")
            )
        }
    ),
    ids=" ".join,
)
def test_the_commands_that_are_called_exist(command: tuple[str, ...]) -> None:
    done = _run([PROJECT / ".venv" / "bin" / "ivr", *command, "--help"])
    assert done.returncode == 0, done.stderr


# --- locks --------------------------------------------------------------------------------------


def _locked(lock: Path) -> dict[str, str]:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    wanted = (Requirement(line.split(" --hash")[0]) for line in text.splitlines() if line[0] != " ")
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in wanted}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_all_and_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^--", text, re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        assert line.lstrip().startswith("#") or "--hash=sha256:" in line, line
    assert "setuptools" in _locked(lock)


def test_the_locks_agree_and_have_all_that_is_asked_for() -> None:
    ours, dev = map(_locked, LOCKS)
    assert ours.items() <= dev.items()
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for lock, lines in (
        (ours, project["dependencies"]),
        (dev, project["dependencies"] + project["optional-dependencies"]["dev"]),
    ):
        for line in map(Requirement, lines):
            assert line.specifier.contains(lock[canonicalize_name(line.name)]), line


# --- systemd ------------------------------------------------------------------------------------


def _unit(path: Path) -> dict[str, str]:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read(path, encoding="utf-8")
    return dict(parser["Service"])


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_no_service_is_root(service: Path) -> None:
    unit = _unit(service)
    assert unit["User"] == unit["StateDirectory"]
    assert unit["User"].startswith("allo-mairie")


def test_redis_asterisk_and_the_switchboard_are_three_users() -> None:
    users = {_unit(UNITS / f"allo-mairie-{name}.service")["User"] for name in ("redis", "asterisk")}
    assert len(users | {_unit(UNITS / "allo-mairie-switchboard.service")["User"]}) == 3


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    units = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(UNITS, units)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, units)
    program = tmp_path / "opt" / "allo-mairie" / ".venv" / "bin" / "ivr"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    names = [path.name for path in [*SERVICES, *UNITS.glob("*.path"), UNITS / "allo-mairie.target"]]
    done = _run(["systemd-analyze", "verify", "--man=no", f"--root={tmp_path}", *names])
    ours = [line for line in done.stderr.splitlines() if "allo-mairie" in line]
    assert ours == []
