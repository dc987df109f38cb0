"""The Asterisk program: finds one that is recent enough, and knows how to start it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs

from ivr.errors import AsteriskError
from ivr.settings import Settings

FLOOR = (22, 10, 1)
"""Earlier releases of the 22 series have security holes in ARI."""
FLOORS = {20: (20, 18, 0), 22: FLOOR, 23: (23, 2, 0)}
"""First releases whose media websocket speaks JSON, by series (from Asterisk's own manual)."""
SYSTEM_MODULES = (
    "/usr/lib/*/asterisk/modules",
    "/usr/lib64/asterisk/modules",
    "/usr/lib/asterisk/modules",
    "/usr/local/lib/asterisk/modules",
)
SYSTEM_DATA = (
    "/usr/share/asterisk",
    "/var/lib/asterisk",
    "/usr/local/share/asterisk",
)
FRENCH = ("fr", "fr_CA_f_June", "fr_FR")
"""Folders of French sounds, as Asterisk's and Debian's packages name them."""


@dataclass(frozen=True)
class AsteriskProgram:
    """One Asterisk that can be started."""

    launcher: tuple[str, ...]
    """What starts it: the executable, after the tree's own loader if it has one."""
    version: tuple[int, ...]
    """Such as (22, 10, 1)."""
    modules: Path
    """Folder of its ``.so`` modules."""
    data: Path
    """Folder of its documentation, REST descriptions, sounds and music."""
    french: Path
    """Folder of its French sounds."""

    def command(self, conf: Path) -> list[str]:
        """Arguments that run it in the foreground with the given ``asterisk.conf``."""
        return [*self.launcher, "-f", "-n", "-C", str(conf)]

    def remote(self, conf: Path, command: str) -> list[str]:
        """Arguments that have the one running with this ``asterisk.conf`` obey a command."""
        return [*self.launcher, "-C", str(conf), "-rx", command]


def cached_tree() -> Path:
    """Where set-up unpacks an Asterisk for this user."""
    return Path(platformdirs.user_cache_dir("allo-mairie")) / "asterisk" / "tree"


def find_asterisk(settings: Settings) -> AsteriskProgram:
    """The tree of the settings, else the system's where recent enough, else the unpacked one.

    Raises AsteriskError saying what to run when there is none, or what is wrong with the one that
    the settings name.
    """
    if tree := settings.asterisk.tree:
        return _from_tree(tree)
    reasons = []
    for find in (_from_system, lambda: _from_tree(cached_tree())):
        try:
            return find()
        except AsteriskError as error:
            reasons.append(f"  {error}")
    raise AsteriskError(
        "no Asterisk to run; ./scripts/setup unpacks one for this user:\n" + "\n".join(reasons)
    )


def _from_tree(tree: Path) -> AsteriskProgram:
    executable = tree / "usr/sbin/asterisk"
    if not os.access(executable, os.X_OK):
        raise AsteriskError(f"{tree}: holds no usr/sbin/asterisk that may be run")
    loaders = sorted(tree.glob("usr/lib/*/ld-linux-*.so.*"))
    launcher = [str(executable)]
    if loaders:
        library = str(loaders[0].parent)
        launcher = [str(loaders[0]), "--library-path", library, str(executable)]
    modules = _first(tree, ["usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules"])
    data = _first(tree, ["usr/share/asterisk", "var/lib/asterisk"])
    return _checked(tuple(launcher), modules, data, str(tree))


def _from_system() -> AsteriskProgram:
    executable = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/sbin")
    if not executable:
        raise AsteriskError("the system has no asterisk")
    root = Path("/")
    modules = _first(root, [pattern.lstrip("/") for pattern in SYSTEM_MODULES])
    data = _first(root, [p.lstrip("/") for p in SYSTEM_DATA], "documentation")
    return _checked((executable,), modules, data, executable)


def _first(root: Path, patterns: list[str], inside: str = "") -> Path | None:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if os.access(path / inside, os.X_OK):
                return path
    return None


def _checked(
    launcher: tuple[str, ...], modules: Path | None, data: Path | None, name: str
) -> AsteriskProgram:
    version = _version(launcher, name)
    if version < FLOORS.get(version[0], FLOOR):
        found = ".".join(map(str, version))
        raise AsteriskError(f"{name}: is Asterisk {found}; 22.10.1 or later is needed")
    if modules is None or not os.access(modules / "chan_websocket.so", os.R_OK):
        raise AsteriskError(f"{name}: has no module chan_websocket.so, which carries the sound")
    if data is None or not os.access(data / "documentation", os.X_OK):
        raise AsteriskError(f"{name}: its folder of documentation and sounds is not to be found")
    for folder in FRENCH:
        if os.access(french := data / "sounds" / folder, os.X_OK):
            return AsteriskProgram(launcher, version, modules, data, french.resolve())
    raise AsteriskError(
        f"{name}: has no French sounds in {data / 'sounds'} "
        "(Debian's package asterisk-core-sounds-fr-wav)"
    )


@cache
def _version(launcher: tuple[str, ...], name: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [*launcher, "-V"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AsteriskError(f"{name}: does not run: {error}") from error
    match = re.search(r"Asterisk (\d+)\.(\d+)\.(\d+)", done.stdout)
    if not match:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise AsteriskError(f"{name}: does not run: {said[-1] if said else 'it said nothing'}")
    return tuple(int(part) for part in match.groups())
