"""Reads ``ivr.toml``, each key overridable by ``IVR_SECTION_KEY``; all is checked at start.

An unknown key or a bad value raises SettingsError naming the file and line, or the variable.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ivr.errors import Fault, SettingsError
from ivr.settings import Section, Settings

DEFAULT_FILE = Path("ivr.toml")


def load(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from ``file`` (default: ``IVR_CONFIG``, else ``ivr.toml`` if it is there).

    Raises SettingsError with every fault found.
    """
    named = file or (Path(environ["IVR_CONFIG"]) if environ.get("IVR_CONFIG") else None)
    path = named or DEFAULT_FILE
    text = _read(path, required=named is not None)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"line (\d+)", str(error))
        line = int(told[1]) if told else len(text.splitlines())  # "at end of document"
        raise SettingsError([Fault(path, line, "", f"not TOML: {error}")]) from error
    variables, faults = _variables(environ)
    for (section, key), value in variables.items():
        table = data.setdefault(section, {})
        if isinstance(table, dict):
            table[key] = value
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        faults += [_fault(path, text, variables, dict(e)) for e in error.errors()]
    if faults:
        raise SettingsError(faults)
    return _absolute(settings, path.resolve().parent)


def variable_name(section: str, key: str) -> str:
    """The environment variable that overrides a key: ``sip.port`` → ``IVR_SIP_PORT``."""
    return f"IVR_{section}_{key}".upper()


def _read(path: Path, *, required: bool) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if not required:
            return ""
        raise SettingsError([Fault(path, 0, "", "no such file")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Fault(path, 0, "", "is not UTF-8 text; save it as UTF-8")]) from error
    except OSError as error:
        raise SettingsError([Fault(path, 0, "", f"cannot be read: {error.strerror}")]) from error


def _variables(environ: Mapping[str, str]) -> tuple[dict[tuple[str, str], Any], list[Fault]]:
    known = {
        variable_name(section, key): (section, key)
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for key in field.annotation.model_fields
    }
    found: dict[tuple[str, str], Any] = {}
    faults = []
    for name, value in environ.items():
        if not name.startswith("IVR_") or name == "IVR_CONFIG":
            continue
        if name not in known:
            faults.append(Fault(name, 0, "", "unknown variable; see ivr.toml.sample for the keys"))
            continue
        section, key = known[name]
        field = Settings.model_fields[section].annotation.model_fields[key]  # type: ignore[union-attr]
        is_list = "tuple" in str(field.annotation)
        found[known[name]] = (
            [v.strip() for v in value.split(",") if v.strip()] if is_list else value
        )
    return found, faults


def _fault(
    path: Path, text: str, variables: Mapping[tuple[str, str], Any], error: Mapping[str, Any]
) -> Fault:
    loc = tuple(str(part) for part in error["loc"])
    where = ".".join(loc)
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "unknown key; see ivr.toml.sample for the keys"
    elif error["type"] == "model_type":
        message = f"must be a table: [{where}] on a line of its own, and its keys below"
    elif "input" in error and isinstance(error["input"], str | int | float) and len(loc) > 1:
        message = f"{message} (got {error['input']!r})" if "password" not in where else message
    if loc[:2] in variables:
        return Fault(variable_name(loc[0], loc[1]), 0, "", message)
    return Fault(path, _line_of(text, loc), where, message)


def _line_of(text: str, loc: tuple[str, ...]) -> int:
    """The line of a key in TOML text; of its table when the key is not there; else 0."""
    section, table_line = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if table := re.match(r"\s*\[([^\[\]]+)\]", line):
            section = table[1].strip()
            if loc and section == loc[0]:
                table_line = number
        elif key := re.match(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=", line):
            if loc == (key[1],) and not section:
                return number
            if len(loc) > 1 and section == loc[0] and key[1] == loc[1]:
                return number
    return table_line


def _absolute(settings: Settings, base: Path) -> Settings:
    paths, asterisk = settings.paths, settings.asterisk
    update = {name: base / getattr(paths, name) for name in type(paths).model_fields}
    places = {"tree": asterisk.tree, "sounds": asterisk.sounds}
    return settings.model_copy(
        update={
            "paths": paths.model_copy(update=update),
            "asterisk": asterisk.model_copy(
                update={name: path and base / path for name, path in places.items()}
            ),
        }
    )
