"""Writes values as the YAML that a person would write: plain where it can be, folded when long."""

from __future__ import annotations

import json
import re
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from ivr.errors import KnowledgeError
from ivr.yamlfile import parse

INDENT = 2
"""Spaces to each level."""
WIDTH = 100
"""Columns of a line; longer texts are folded."""
_SHORT = 40
"""Texts up to this length stand together in brackets while their line is not too long."""
_RESOLVER = yaml.resolver.Resolver()
_TEXT = "tag:yaml.org,2002:str"
_INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_FOLDS = re.compile(r"[^ \n]+(?: [^ \n]+)+")
_KEEPS = re.compile(r"(?! )[^\n]*[^\s](?:\n+(?! )[^\n]*[^\s])*")


def normal(value: Any) -> Any:
    """A value as the files' reader gives it: scalars as texts."""
    if isinstance(value, dict):
        return {str(key): normal(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [normal(one) for one in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else None if value is None else str(value)


def inline(value: Any, style: str | None = None) -> str:
    """A scalar, or an empty collection, on one line of block style.

    style: ``'`` or ``"`` where a neighbour is quoted so.
    """
    if isinstance(value, dict | list | tuple):
        return flow(value)
    return _scalar(value, style, "- {}", 1)


def flow(value: Any, style: str | None = None) -> str:
    """A value in brackets, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one, style) for one in value) + "]"
    return _scalar(value, style, "[{0}, {0}]", 2)


def document(data: dict[str, Any]) -> str:
    """The text of a new file that says this."""
    return "".join(f"{line}\n" for key, value in data.items() for line in pair(key, value, 0))


def pair(key: str, value: Any, indent: int, style: str | None = None) -> list[str]:
    """A key and its value as lines, indented by so many spaces."""
    head = " " * indent + f"{inline(key)}:"
    first, *others = after_colon(value, indent, style, len(key) + 2)
    return [head + first, *others]


def after_colon(value: Any, indent: int, style: str | None, used: int) -> list[str]:
    """What follows the colon of a key at ``indent``; ``used``: columns that the key takes."""
    inner = indent + INDENT
    if isinstance(value, dict) and value:
        return ["", *(line for key, one in value.items() for line in pair(key, one, inner))]
    if isinstance(value, list | tuple) and value:
        short = flow(value)
        plain = all(not isinstance(one, dict | list) and len(str(one)) <= _SHORT for one in value)
        if plain and indent + used + len(short) <= WIDTH:
            return [f" {short}"]
        lines = [""]
        for one in value:
            first, *others = in_list(one, " " * (inner + INDENT), None)
            lines += [" " * inner + "- " + first.lstrip(), *others]
        return lines
    first, *others = _lines(value, inner, style, used + indent)
    return [f" {first}", *others]


def in_list(value: Any, margin: str, style: str | None) -> list[str]:
    """A value as lines, all behind a margin: the first one's is where the dash goes."""
    if isinstance(value, dict) and value:
        return [line for key, one in value.items() for line in pair(key, one, len(margin))]
    first, *others = _lines(value, len(margin), style, len(margin))
    return [margin + first, *others]


def _lines(value: Any, indent: int, style: str | None, used: int) -> list[str]:
    """A scalar; long ones on lines of their own, indented by so many spaces."""
    if isinstance(value, str) and not _INVISIBLE.search(value):
        margin = " " * indent
        if "\n" in value and _KEEPS.fullmatch(value):
            return ["|-", *(margin + line if line else "" for line in value.split("\n"))]
        if used + len(value) > WIDTH and _FOLDS.fullmatch(value):
            width = max(WIDTH - indent, 40)
            lines = textwrap.wrap(value, width, break_long_words=False, break_on_hyphens=False)
            return [">-", *(margin + line for line in lines)]
    return [inline(value, style)]


def _scalar(value: Any, style: str | None, frame: str, times: int) -> str:
    """A scalar, quoted as its neighbour is, or not at all, or else in double quotes."""
    if value is None:
        return "null"
    text = str(normal(value))
    quoted = _INVISIBLE.sub(_escape, json.dumps(text, ensure_ascii=False))
    if not isinstance(value, str):
        return text
    ways = {"'": f"'{text.replace(chr(39), chr(39) * 2)}'", '"': quoted}
    taken_for_else = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) != _TEXT
    way = ways.get(style or "", quoted if taken_for_else else text)
    return way if _says(frame.format(way), [text] * times) else quoted


def _says(line: str, wanted: list[str]) -> bool:
    try:
        return bool(parse(Path(), line).data == wanted)
    except KnowledgeError:
        return False


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
