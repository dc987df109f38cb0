"""Adds examples to an entry in the file that people edit, every other byte of it kept.

The text is not written anew from its data, as ``ruamel.yaml`` does in a round trip: that joins
lists that a person has spread over lines. The new examples are put behind the last one, and the
file is parsed again to see that nothing else has become different.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process
from yaml.nodes import MappingNode, Node, SequenceNode  # type: ignore[import-untyped]

from ivr.errors import Fault, IvrError, KnowledgeError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.check import Example, check, examples
from ivr.knowledge.entries import Source
from ivr.knowledge.load import load
from ivr.nlu.normalise import core
from ivr.yamlfile import Loc, parse

NEARLY = 95
"""Likeness, 0 to 100, from which two examples are the same but for a letter or their order."""
_BOM = "\ufeff"


@dataclass(frozen=True)
class Skipped:
    """A text that was not added."""

    text: str
    like: str
    """The example that it is nearly the same as."""
    owner: str
    """What that is an example of: an entry's id, or ``operateur``, ``impots``…"""


@dataclass(frozen=True)
class Added:
    """What was added, and where."""

    entry: str
    file: Path
    texts: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def add(knowledge: Knowledge, language: str, entry: str, texts: Sequence[str]) -> Added:
    """Add examples to an entry of ``knowledge``, in its file; nearly identical ones are skipped.

    Raises KnowledgeError when that would make a fault that is not there now, and IvrError when
    the file cannot be written or has changed meanwhile. Nothing is changed then.
    """
    source = knowledge.sources[language, entry]
    new, skipped = _apart(knowledge, language, entry, texts)
    added = Added(entry, source.file, tuple(new), tuple(skipped))
    if not new:
        return added
    try:
        before = source.file.read_bytes()
        text = before.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise IvrError(f"{source.file} ne peut pas être lu : {error}") from error
    content = extended(source, entry, text, new).encode()
    if faults := _new_faults(knowledge, source.file, content):
        raise KnowledgeError(faults)
    try:
        _replace(source.file, before, content)
    except OSError as error:
        raise IvrError(f"{source.file} ne peut pas être écrit : {error}") from error
    return added


def extended(source: Source, entry: str, text: str, new: Sequence[str]) -> str:
    """The text of a file with examples added to the entry at ``source``.

    Raises IvrError when the entry is no longer there, or its examples are also another's.
    """
    whole, text = text, text.removeprefix(_BOM)
    document = parse(source.file, text)
    loc: Loc = ("entries", source.index, "examples")
    listed = _node(document.root, loc)
    here = f"{source.file}:{source.line}: {entry}"
    if not isinstance(listed, SequenceNode) or document.where(loc) != entry:
        raise IvrError(f"{here} : le fichier vient de changer : relancez la commande")
    at, lines = _insertion(text, listed, new)
    result = text[:at] + lines + text[at:]
    wanted = copy.deepcopy(document.data)
    wanted["entries"][source.index]["examples"] += new
    if _data(source.file, result) != wanted:
        raise IvrError(
            f"{here} : les exemples sont écrits d'une façon que la commande ne sait pas "
            "compléter : ajoutez-les à la main"
        )
    return whole[: len(whole) - len(text)] + result


def _apart(
    knowledge: Knowledge, language: str, entry: str, texts: Sequence[str]
) -> tuple[list[str], list[Skipped]]:
    """The texts that are unlike all examples and each other, and the others."""
    known = [one for one in examples(knowledge) if one.language == language]
    cores = [core(one.text) for one in known]
    new: list[str] = []
    skipped = []
    for text in texts:
        best = process.extractOne(
            core(text), cores, scorer=fuzz.token_sort_ratio, score_cutoff=NEARLY
        )
        if best is not None:
            like = known[best[2]]
            skipped.append(Skipped(text, like.text, like.owner.partition("/")[0]))
        else:
            new.append(text)
            known.append(Example(entry, text, language, Path(), ()))
            cores.append(core(text))
    return new, skipped


def _node(root: Node | None, loc: Loc) -> Node | None:
    node = root
    for step in loc:
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
        else:
            return None
    return node


def _insertion(text: str, listed: SequenceNode, new: Sequence[str]) -> tuple[int, str]:
    """Where to put the new items of a list, and what: written as its last one is."""
    last = listed.value[-1]
    start, end = last.start_mark.index, last.end_mark.index
    line = text.rfind("\n", 0, start) + 1
    newline = "\r\n" if text[:line].endswith("\r\n") else "\n"
    before = text[line:start]
    written = [_written(one, last.style, flow=bool(listed.flow_style)) for one in new]
    if listed.flow_style:
        indent = before[: len(before) - len(before.lstrip())]
        spread = listed.start_mark.line < last.start_mark.line
        comma = f",{newline}{indent}" if spread else ", "
        return end, comma + comma.join(written)
    items = [f"{before}{one}" for one in written]
    if text[:end].endswith("\n"):  # a block scalar ends with its line
        return end, "".join(item + newline for item in items)
    stop = text.find("\n", end)
    if stop < 0:
        return len(text), "".join(newline + item for item in items)
    return stop + 1, "".join(item + newline for item in items)


def _written(text: str, style: str | None, *, flow: bool) -> str:
    """A text as YAML, quoted as its neighbour is where that can be, else in double quotes."""
    ways = {
        "'": f"'{text.replace(chr(39), chr(39) * 2)}'",
        '"': json.dumps(text, ensure_ascii=False),
    }
    way = ways.get(style or "", text)
    line = f"[{way}, {way}]" if flow else f"- {way}"
    return way if _data(Path(), line) == [text] * (1 + flow) else ways['"']


def _data(path: Path, text: str) -> object:
    """What a text says as YAML; None when it is none."""
    try:
        return parse(path, text).data
    except KnowledgeError:
        return None


def _new_faults(knowledge: Knowledge, file: Path, content: bytes) -> list[Fault]:
    """The faults that a copy of the knowledge has with a file changed, and the original has not."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "knowledge"
        shutil.copytree(knowledge.root, root)
        (root / file.relative_to(knowledge.root)).write_bytes(content)
        try:
            faults = check(load(root))
        except KnowledgeError as error:
            faults = list(error.faults)
        known = Counter(_essence(fault, knowledge.root) for fault in check(knowledge))
        new = Counter(_essence(fault, root) for fault in faults) - known
        return [
            Fault(
                knowledge.root / Path(fault.file).relative_to(root),
                fault.line,
                fault.where,
                fault.message.replace(str(root), str(knowledge.root)),
            )
            for fault in faults
            if _essence(fault, root) in new
        ]


def _essence(fault: Fault, root: Path) -> tuple[str, str, str]:
    """A fault without what moves when lines are added above it."""
    message = re.sub(r":\d+\b", "", fault.message.replace(str(root), ""))
    return str(fault.file).replace(str(root), ""), fault.where, message


def _replace(file: Path, before: bytes, content: bytes) -> None:
    """Write a file whole or not at all, unless it is no longer as before."""
    file = file.resolve()
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        shutil.copymode(file, temporary)
        if file.read_bytes() != before:
            raise IvrError(f"{file} vient d'être modifié par quelqu'un : relancez la commande")
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
