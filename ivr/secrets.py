"""Secrets: generated at the first start into ``var/secrets.toml``, never defaulted or printed.

A process of systemd that runs as a user of its own reads a copy that systemd hands it instead
(``LoadCredential=secrets.toml:…``), and generates nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ivr import files
from ivr.errors import Fault, SettingsError

FILE = "secrets.toml"
BYTES = 24
"""Of chance in each password: 192 bits, written as 32 letters, digits, ``-`` and ``_``."""
SHORTEST = 12
"""Characters of a password that somebody wrote into the file themselves."""

_NAMES = ("redis", "ari", "ami", "test_line", "pseudonyms")
_PASSWORD = re.compile(rf"[A-Za-z0-9_.~+=@-]{{{SHORTEST},200}}")
_EXTENSION = re.compile(r"[0-9]{1,6}")
_HEADING = """\
# Generated passwords. Keep this file to yourself; to change one, delete its line and start again.
"""


@dataclass(frozen=True, repr=False)
class Secrets:
    """Passwords between our own processes, and of the operators' phones."""

    redis: str
    ari: str
    ami: str
    test_line: str
    """Of the loopback trunk that ``ivr call`` uses."""
    pseudonyms: str
    """The key of callers' pseudonyms: with another, calls of before and after are not one's."""
    phones: Mapping[str, str]
    """SIP passwords of the operators' phones, by extension."""

    def __repr__(self) -> str:
        return f"<Secrets of {len(self.phones)} phones>"


def load_or_create(
    var: Path, extensions: Iterable[str] = (), environ: Mapping[str, str] = os.environ
) -> Secrets:
    """Read ``var/secrets.toml``; generate what it lacks, with a password for each extension.

    Safe when two processes start at once or one is killed while writing: the file is replaced
    whole or not at all, and a password that was given out never changes. Raises SettingsError.
    """
    if given := environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(given, FILE)
        if path.exists():
            return _complete(path, extensions)
    path = var / FILE
    try:
        var.mkdir(parents=True, exist_ok=True)
        with _only_one(var / ".secrets.lock"):
            if path.exists() and path.stat().st_mode & 0o077:
                path.chmod(0o600)
            data = _read(path)
            had = {**data, "phones": dict(data.get("phones", {}))}
            for table, names in ((data, _NAMES), (data.setdefault("phones", {}), extensions)):
                for name in names:
                    table.setdefault(name, secrets.token_urlsafe(BYTES))
            if data != had:
                _write(path, data)
    except OSError as error:
        raise SettingsError([Fault(path, 0, "", f"cannot be used: {error.strerror}")]) from error
    return _secrets(data)


def _complete(path: Path, extensions: Iterable[str]) -> Secrets:
    """What a file holds that is not ours to write. Raises SettingsError for what it lacks."""
    data = {"phones": {}} | _read(path)
    lacking = [name for name in _NAMES if name not in data]
    lacking += [f"phones.{name}" for name in extensions if name not in data["phones"]]
    if lacking:
        said = "is missing; run ivr render as the user of the switchboard, then start again"
        raise SettingsError([Fault(path, 0, name, said) for name in lacking])
    return _secrets(data)


def _secrets(data: Mapping[str, Any]) -> Secrets:
    return Secrets(
        **{name: data[name] for name in _NAMES}, phones=MappingProxyType(dict(data["phones"]))
    )


def _read(path: Path) -> dict[str, Any]:
    """What the file holds, checked; nothing when there is none. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise SettingsError(
            [Fault(path, int(line[1]) if line else 0, "", "cannot be read; mend or delete it")]
        ) from None  # the parser's message may quote a password
    faults = [
        Fault(path, _line_of(text, name), name, fault)
        for name, value in _flat(data)
        if (fault := _fault(name, value))
    ]
    if faults:
        raise SettingsError(faults)
    return data


def _flat(data: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    phones = data.get("phones", {})
    yield from ((name, value) for name, value in data.items() if name != "phones")
    if isinstance(phones, dict):
        yield from ((f"phones.{extension}", value) for extension, value in phones.items())
    else:
        yield "phones", phones


def _fault(name: str, value: object) -> str:
    extension = name.removeprefix("phones.") if name.startswith("phones.") else ""
    if name == "phones":
        return "must be a table of extensions: [phones]"
    if name not in _NAMES and not extension:
        return f"unknown secret; there are: {', '.join(_NAMES)} and [phones]"
    if extension and not _EXTENSION.fullmatch(extension):
        return "is no extension: one to six digits are"
    if not isinstance(value, str) or not _PASSWORD.fullmatch(value):
        return (
            f"must be a text of {SHORTEST} to 200 letters, digits or - _ . ~ + = @; "
            "delete the line to have one generated"
        )
    return ""


def _line_of(text: str, name: str) -> int:
    key = re.escape(name.rpartition(".")[2])
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*[\[\"']?{key}[\]\"']?\s*(=|$)", line):
            return number
    return 0


def _write(path: Path, data: Mapping[str, Any]) -> None:
    lines = [_HEADING, *(f'{name} = "{data[name]}"\n' for name in _NAMES)]
    lines += ["\n[phones]\n", *(f'{ext} = "{word}"\n' for ext, word in data["phones"].items())]
    files.write_private(path, "".join(lines))


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
