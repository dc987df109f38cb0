"""Changes what a YAML file says and leaves every other byte of it: comments, order, quotes.

The text is not written anew from its data, as ``ruamel.yaml`` does in a round trip: that joins
lists that a person has spread over lines. What differs is replaced where the parser found it, and
the file is parsed again to see that it now says what was wanted and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

from ivr import files
from ivr.errors import IvrError, KnowledgeError
from ivr.yamlfile import parse
from ivr.yamlplaces import Awkward, Spot, spots
from ivr.yamltext import after_colon, flow, in_list, inline, normal, pair

_BOM = "\ufeff"
_BLANK = re.compile(r"\n[ \r]*\n")
_PASSES = 3
"""The second gives aliases whose anchor has changed a value of their own; the third those within
that value."""

Edit = tuple[int, int, str]
"""Start and end, in characters, of what is replaced by a text."""


class EditRefused(IvrError):
    """The file is written in a way that cannot be changed safely; nothing was changed."""


class FileChanged(IvrError):
    """Somebody else has written the file meanwhile; nothing was changed."""


def rewritten(path: Path, text: str, wanted: Any) -> str:
    """The text of a YAML file that says what is wanted, every other byte of it kept.

    wanted: mappings, lists, texts, dates, numbers, booleans and None. A mapping's new keys come
    after the keys that they follow there. Raises KnowledgeError when the text is no YAML, and
    EditRefused when it is written too unusually to be changed.
    """
    mark, text = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    target = normal(wanted)
    for number in range(_PASSES):
        data = parse(path, text).data
        if data == target:
            return mark + text
        try:
            edits = _Editor(text, aliases=number > 0).edits(data, wanted)
            text = _applied(text, edits)
            parse(path, text)
        except (Awkward, KnowledgeError) as error:
            raise _refused(path) from error
    if parse(path, text).data == target:
        return mark + text
    raise _refused(path)


def replace(file: Path, before: bytes | None, content: bytes) -> None:
    """Write a file whole or not at all, unless it is no longer as before (None: not there).

    Raises FileChanged, and IvrError when it cannot be written; nothing is changed then.
    """
    try:
        _replace(file.resolve(), before, content)
    except OSError as error:
        raise IvrError(
            f"{file} ne peut pas être écrit : {error.strerror or error} ; rien n'a été changé"
        ) from error


def _replace(file: Path, before: bytes | None, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        if before is None:
            os.chmod(temporary, 0o644)
        else:
            shutil.copymode(file, temporary)
        if (file.read_bytes() if file.exists() else None) != before:
            raise FileChanged(f"{file} vient d'être modifié par quelqu'un : recommencez")
        files.put(Path(temporary), file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _refused(path: Path) -> EditRefused:
    return EditRefused(
        f"{path} est écrit d'une façon que le programme ne sait pas modifier sans risque : "
        "modifiez-le à la main"
    )


def _applied(text: str, edits: Sequence[Edit]) -> str:
    for start, end, new in sorted(edits, key=lambda edit: edit[:2])[::-1]:
        text = text[:start] + new + text[end:]
    return text


# --- what to replace ---------------------------------------------------------------------------


class _Editor:
    """Finds the edits that turn one text's data into what is wanted."""

    def __init__(self, text: str, *, aliases: bool) -> None:
        """aliases: whether one that says something else than wanted is written out."""
        self._text = text
        self._aliases = aliases
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def edits(self, data: Any, wanted: Any) -> list[Edit]:
        """Of the whole text. Raises Awkward."""
        root = spots(self._text)
        if not self._alike(root, data, wanted):
            raise Awkward
        return self._within(root, data, wanted)

    def _within(self, spot: Spot, data: Any, wanted: Any) -> list[Edit]:
        if data == normal(wanted):
            return []
        return (self._map if spot.kind == "map" else self._seq)(spot, data, wanted)

    @staticmethod
    def _alike(spot: Spot, data: Any, wanted: Any) -> bool:
        """Whether a collection can become what is wanted piece by piece."""
        if spot.kind == "map" and isinstance(wanted, dict):
            return any(key in wanted for key in data)
        return spot.kind == "seq" and isinstance(wanted, list) and bool(wanted) and bool(data)

    def _map(self, spot: Spot, data: dict[str, Any], wanted: dict[str, Any]) -> list[Edit]:
        names = [key.value for key in spot.keys]
        gone = [n for n, name in enumerate(names) if name not in wanted]
        found = [edit for run in _runs(gone) for edit in self._without_keys(spot, *run)]
        for n, name in enumerate(names):
            if name in wanted:
                found += self._value(spot, n, data[name], wanted[name])
        last, new = -1, dict[str, Any]()
        for name, value in wanted.items():
            if name not in data:
                new[name] = value
                continue
            if new:
                found.append(self._with_keys(spot, last, new))
            last, new = names.index(name), {}
        if new:
            found.append(self._with_keys(spot, last, new))
        return found

    def _value(self, spot: Spot, n: int, data: Any, wanted: Any) -> list[Edit]:
        """Edits of the value of the ``n``-th key."""
        key, value = spot.keys[n], spot.values[n]
        if data == normal(wanted) or (value.kind == "alias" and not self._aliases):
            return []
        if self._alike(value, data, wanted):
            return self._within(value, data, wanted)
        if spot.flow:
            return [(value.start, value.stop, flow(wanted, value.style))]
        rest = self._text[value.stop : self._line_end(value.stop)].strip()
        simple = value.kind in ("scalar", "alias") and not isinstance(wanted, dict | list)
        if simple and rest:
            return [self._in_line(value, inline(wanted, value.style))]
        indent = spot.column
        colon = self._text.index(":", key.stop) + 1
        lines = after_colon(wanted, indent, value.style, len(key.value) + 2)
        return [(colon, value.stop, self._newline.join(lines))]

    def _in_line(self, value: Spot, text: str) -> Edit:
        empty = value.start == value.stop
        return value.start, value.stop, f" {text}" if empty else text

    def _without_keys(self, spot: Spot, first: int, last: int) -> list[Edit]:
        start, stop = spot.keys[first].start, spot.values[last].stop
        if spot.flow:
            return [self._without_flow(spot.keys, spot.values, first, last)]
        line = self._line_start(start)
        if not self._text[line:start].strip():
            return [(line, self._next_line(stop), "")]
        if last + 1 == len(spot.keys):
            raise Awkward
        return [(start, spot.keys[last + 1].start, "")]

    def _with_keys(self, spot: Spot, last: int, new: dict[str, Any]) -> Edit:
        """The edit that puts new keys behind the one of a number; -1: before the first."""
        if spot.flow:
            written = ", ".join(flow({name: value})[1:-1] for name, value in new.items())
            if last < 0:
                return spot.start + 1, spot.start + 1, f"{written}, "
            return spot.values[last].stop, spot.values[last].stop, f", {written}"
        margin = " " * spot.column
        lines = [line for item in new.items() for line in pair(*item, spot.column)]
        if last < 0:
            start = spot.keys[0].start
            text = self._newline.join([*lines, margin])
            return start, start, text.removeprefix(margin)
        return self._after_line(spot.values[last].stop, lines)

    def _seq(self, spot: Spot, data: list[Any], wanted: list[Any]) -> list[Edit]:
        if data == normal(wanted):
            return []
        old, new = [_name(one) for one in data], [_name(normal(one)) for one in wanted]
        found: list[Edit] = []
        gone: list[int] = []
        for how, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            both = min(j - i, m - k) if how in ("equal", "replace") else 0
            for n in range(both):
                found += self._item(spot, i + n, data[i + n], wanted[k + n])
            gone += range(i + both, j)
            if k + both < m:
                found.append(self._with_items(spot, i + both - 1, wanted[k + both : m]))
        return found + [self._without_items(spot, *run) for run in _runs(gone)]

    def _item(self, spot: Spot, n: int, data: Any, wanted: Any) -> list[Edit]:
        item = spot.items[n]
        if data == normal(wanted) or (item.kind == "alias" and not self._aliases):
            return []
        if self._alike(item, data, wanted):
            return self._within(item, data, wanted)
        if spot.flow:
            return [(item.start, item.stop, flow(wanted, item.style))]
        if item.start == item.stop:
            return [(item.start, item.stop, f" {inline(wanted)}")]
        lines = in_list(wanted, " " * len(self._before(item)), item.style)
        lines[0] = lines[0].lstrip()
        return [(item.start, item.stop, self._newline.join(lines))]

    def _without_items(self, spot: Spot, first: int, last: int) -> Edit:
        if spot.flow:
            return self._without_flow(spot.items, spot.items, first, last)
        self._before(spot.items[first])
        start = self._line_start(spot.items[first].start)
        end = self._next_line(spot.items[last].stop)
        return start - self._blank_before(start), end, ""

    def _with_items(self, spot: Spot, last: int, new: Sequence[Any]) -> Edit:
        """The edit that puts new items behind the one of a number; -1: before the first."""
        near = spot.items[max(last, 0)]
        if spot.flow:
            return self._with_flow_items(spot, last, new)
        before = self._before(near)
        between = [self._text[one.stop : two.start] for one, two in pairwise(spot.items[:2])]
        apart = any(map(_BLANK.search, between))
        lines = []
        for value in new:
            if near.flow:
                lines.append(before + flow(value))
            else:
                one = in_list(value, " " * len(before), near.style)
                own = [before + one[0].lstrip(), *one[1:]]
                lines += ([*own, ""] if last < 0 else ["", *own]) if apart else own
        if last < 0:
            start = self._line_start(near.start)
            return start, start, self._newline.join([*lines, ""])
        return self._after_line(near.stop, lines)

    def _with_flow_items(self, spot: Spot, last: int, new: Sequence[Any]) -> Edit:
        near = spot.items[max(last, 0)]
        written = [flow(one, near.style) for one in new]
        if last < 0:
            return near.start, near.start, "".join(f"{one}, " for one in written)
        before = self._text[self._line_start(near.start) : near.start]
        comma = ", "
        if "\n" in self._text[spot.start : near.start]:  # the list is spread over lines
            comma = "," + self._newline + before[: len(before) - len(before.lstrip())]
        return near.stop, near.stop, comma + comma.join(written)

    @staticmethod
    def _without_flow(starts: Sequence[Spot], stops: Sequence[Spot], first: int, last: int) -> Edit:
        if last + 1 < len(starts):
            return starts[first].start, starts[last + 1].start, ""
        return stops[first - 1].stop, stops[last].stop, ""

    # --- lines ---

    def _before(self, item: Spot) -> str:
        """What stands before an item on its line, which must be its dash."""
        before = self._text[self._line_start(item.start) : item.start]
        if before.strip() != "-":
            raise Awkward
        return before

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end

    def _next_line(self, at: int) -> int:
        return min(self._line_end(at) + 1, len(self._text))

    def _blank_before(self, start: int) -> int:
        """The length of the blank lines before a line."""
        kept = self._text[:start].rstrip(" \r\n")
        return start - self._next_line(len(kept)) if kept else 0

    def _after_line(self, at: int, lines: Sequence[str]) -> Edit:
        """The edit that puts lines after the one that holds a place."""
        if self._text.find("\n", at) < 0:
            end = len(self._text)
            return end, end, "".join(self._newline + line for line in lines)
        start = self._next_line(at)
        return start, start, "".join(line + self._newline for line in lines)


def _name(value: Any) -> str:
    """The same for an item before and after its change, where it has a name."""
    if isinstance(value, dict):
        for key in ("id", "name"):
            if isinstance(own := value.get(key), str):
                return f"{key} {own}"
    return json.dumps(value)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as first and last: ``[1, 2, 5]`` → ``[(1, 2), (5, 5)]``."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
