"""Asterisk's configuration files: templates in, checked values, files written all or none."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from ivr import files
from ivr.asterisk.program import AsteriskProgram
from ivr.errors import AsteriskError

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "asterisk-conf"
DIALPLANS = PROJECT / "dialplans"
LONGEST_SOCKET = 107
"""Bytes in the path of a Unix socket: ``sun_path`` holds 108 with its final zero."""

BLANK = (
    *("acl", "ccss", "chan_websocket", "features", "pjproject"),
    *("queuerules", "stasis", "udptl", "websocket_client"),
)
"""Files that Asterisk wants to see though its defaults are right."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f;\[\]{}$\"\\|<>`]")
_UNSAFE_SECRET = re.compile(r"[\x00-\x20\x7f;\"]|^>")


class Secret(str):
    """A password on its way into a configuration file: punctuation is allowed, ``;`` is not."""


@dataclass(frozen=True)
class Home:
    """The folders of one Asterisk; all but ``run`` are under ``root``."""

    root: Path
    run: Path
    """Holds the control socket; short, for a socket's path is at most 107 bytes."""

    @property
    def etc(self) -> Path:
        """Rendered configuration."""
        return self.root / "etc"

    @property
    def conf(self) -> Path:
        """What Asterisk is started with."""
        return self.etc / "asterisk.conf"

    @property
    def data(self) -> Path:
        """Links into the program's tree: documentation, sounds, music."""
        return self.root / "data"

    @property
    def db(self) -> Path:
        """Registrations and paused members, which outlive a restart."""
        return self.root / "db"

    @property
    def spool(self) -> Path:
        """Asterisk's working files."""
        return self.root / "spool"

    @property
    def log(self) -> Path:
        """``messages.log`` and ``security.log``."""
        return self.root / "log"

    @property
    def socket(self) -> Path:
        """The control socket of ``asterisk -r``."""
        return self.run / "asterisk.ctl"


def home_in(root: Path) -> Home:
    """The folders under ``root``, the socket's in the system's temporary folder if root is deep.

    Raises AsteriskError when not even that is short enough.
    """
    root = root.absolute()
    run = root / "run"
    if len(os.fsencode(run / "asterisk.ctl")) > LONGEST_SOCKET:
        mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
        run = Path(tempfile.gettempdir()) / f"allo-mairie-{os.getuid()}-{mark}"
    home = Home(root, run)
    if len(os.fsencode(home.socket)) > LONGEST_SOCKET:
        raise AsteriskError(
            f"{home.socket}: too long for a socket (at most {LONGEST_SOCKET} bytes); "
            "set TMPDIR or paths.var to a shorter folder"
        )
    return home


def expand(folders: Sequence[Path], context: Mapping[str, Any]) -> dict[str, str]:
    """Every ``*.conf.j2`` of the folders, expanded, by the name of its file.

    An earlier folder's template stands for a later one's of the same name. Raises AsteriskError
    for a value that does not belong in a configuration file.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        finalize=_checked,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    names = sorted({path.name for folder in folders for path in folder.glob("*.conf.j2")})
    if not names:
        raise AsteriskError(f"{folders[0]}: holds no templates of Asterisk's configuration")
    files = {f"{name}.conf": "; Asterisk's defaults.\n" for name in BLANK}
    for name in names:
        try:
            files[name.removesuffix(".j2")] = environment.get_template(name).render(context)
        except jinja2.TemplateSyntaxError as error:
            raise AsteriskError(f"{error.filename}:{error.lineno}: {error.message}") from error
        except jinja2.TemplateError as error:
            raise AsteriskError(f"{name}: {error}") from error
    return files


def why_unsafe(value: str) -> str | None:
    """What keeps a value out of a configuration file, for people; None if nothing does."""
    pattern = _UNSAFE_SECRET if isinstance(value, Secret) else _UNSAFE
    if not (found := pattern.search(value)):
        return None
    if not found[0].isprintable():
        return "must not contain line breaks or control characters"
    if isinstance(value, Secret):
        return f"must not contain {found[0]!r}" + (" at its beginning" if found[0] == ">" else "")
    return f"must not contain {found[0]!r}"


def install(home: Home, program: AsteriskProgram, files: Mapping[str, str]) -> Path:
    """Write the files and make the folders; returns the path of ``asterisk.conf``.

    Files that no longer belong are removed. Raises AsteriskError when the disk refuses.
    """
    try:
        for folder in (home.root, home.etc, home.data, home.db, home.spool, home.log):
            folder.mkdir(parents=True, exist_ok=True)
        _private_folder(home.run)
        _link_data(home, program)
        for name, text in files.items():
            _write(home.etc / name, text)
        for stale in set(home.etc.iterdir()) - {home.etc / name for name in files}:
            if stale.is_file():
                stale.unlink()
    except OSError as error:
        raise AsteriskError(
            f"{error.filename or home.root}: Asterisk's configuration cannot be written: "
            f"{error.strerror}"
        ) from error
    return home.conf


def _checked(value: object) -> object:
    if isinstance(value, str) and (why := why_unsafe(value)):
        shown = "a password" if isinstance(value, Secret) else repr(value)
        raise AsteriskError(f"Asterisk's configuration: {shown} {why}")
    return value


def _private_folder(folder: Path) -> None:
    """Only its owner may reach the control socket, also where the folder is in ``/tmp``."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not folder.is_dir() or folder.is_symlink() or status.st_uid != os.getuid():
        raise AsteriskError(f"{folder}: belongs to somebody else; remove it or set TMPDIR")
    folder.chmod(0o700)


def _link_data(home: Home, program: AsteriskProgram) -> None:
    """Give the tree's sounds the folder names that Asterisk expects, whoever packaged them."""
    sounds = home.data / "sounds"
    sounds.mkdir(exist_ok=True)
    _link(sounds / "fr", program.french)
    for name in ("documentation", "rest-api", "moh"):
        _link(home.data / name, program.data / name)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write(path: Path, text: str) -> None:
    """Replace a file whole, readable by its owner only; untouched if it says the same already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        files.write_private(path, text)
