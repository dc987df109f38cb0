"""Finding an Asterisk, starting it, and what is said when that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ivr.asterisk import program
from ivr.asterisk.process import switchboard
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import QueueSpec
from ivr.errors import AsteriskError
from ivr.secrets import load_or_create
from ivr.testcaller.network import private_settings


def tree(root: Path, says: str = "Asterisk 22.10.1+dfsg") -> Path:
    """An unpacked Asterisk as far as the search looks: a program that tells its version."""
    executable = root / "usr/sbin/asterisk"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{says}'\n")
    executable.chmod(0o755)
    for folder in ("usr/lib/x/asterisk/modules", "usr/share/asterisk/documentation"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/x/asterisk/modules/chan_websocket.so").touch()
    (root / "usr/share/asterisk/sounds/fr_CA_f_June").mkdir(parents=True)
    return root


def found_in(root: Path) -> program.AsteriskProgram:
    return find_asterisk(private_settings(root / "var", {"asterisk": {"tree": root}}))


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        *((version, True) for version in ("20.18.0", "22.10.1", "22.11.0", "23.2.0", "24.0.0")),
        *((version, False) for version in ("16.28.0", "20.17.9", "22.9.9", "23.1.0")),
    ],
)
def test_versions(version: str, taken: bool, tmp_path: Path) -> None:
    root = tree(tmp_path, f"Asterisk {version}")
    if taken:
        assert found_in(root).version == tuple(map(int, version.split(".")))
    else:
        with pytest.raises(AsteriskError, match=f"is Asterisk {version}; 22.10.1 or later"):
            found_in(root)


def test_what_is_wrong_with_a_tree_is_said(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="holds no usr/sbin/asterisk"):
        found_in(tmp_path / "empty")
    with pytest.raises(AsteriskError, match="does not run: no library"):
        found_in(tree(tmp_path / "a", "no library"))
    (tree(tmp_path / "b") / "usr/lib/x/asterisk/modules/chan_websocket.so").unlink()
    with pytest.raises(AsteriskError, match=r"has no module chan_websocket\.so"):
        found_in(tmp_path / "b")
    (tree(tmp_path / "c") / "usr/share/asterisk/sounds/fr_CA_f_June").rmdir()
    with pytest.raises(AsteriskError, match="has no French sounds"):
        found_in(tmp_path / "c")
    (tree(tmp_path / "d") / "usr/sbin/asterisk").chmod(0o644)
    with pytest.raises(AsteriskError, match="holds no usr/sbin/asterisk that may be run"):
        found_in(tmp_path / "d")


def test_none_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(AsteriskError, match=r"\./scripts/setup unpacks one") as said:
        find_asterisk(private_settings(tmp_path / "var"))
    assert "the system has no asterisk" in str(said.value)


@pytest.mark.telephone
async def test_why_it_does_not_start(tmp_path: Path) -> None:
    settings = private_settings(tmp_path)
    secrets = load_or_create(settings.paths.var)
    process = switchboard(settings, secrets, [QueueSpec("accueil", "Accueil")], [])
    with (process.home.etc / "modules.conf").open("a") as modules:
        modules.write("require = res_nothing.so\n")
    with pytest.raises(AsteriskError, match=r"does not start: .*res_nothing.*console\.log"):
        await process.start()
    with pytest.raises(AsteriskError, match="has not been started"):
        _ = process.pid


@pytest.mark.telephone
async def test_a_restart_after_a_power_cut(tmp_path: Path) -> None:
    """The socket that a killed Asterisk leaves is not taken for the new one's."""
    settings = private_settings(tmp_path)
    secrets = load_or_create(settings.paths.var)
    async with switchboard(settings, secrets, [QueueSpec("accueil", "Accueil")], []) as asterisk:
        first = asterisk.pid
        await asterisk.kill()
        assert asterisk.home.socket.exists()
        await asterisk.start()
        assert asterisk.pid != first
        assert await asterisk.channels() == []
