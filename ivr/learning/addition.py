"""Adds examples to an entry in the file that people edit, every other byte of it kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from ivr.knowledge.base import Knowledge
from ivr.knowledge.check import Example, examples
from ivr.knowledge.saving import draft, entry_in, write
from ivr.nlu.normalise import core

NEARLY = 95
"""Likeness, 0 to 100, from which two examples are the same but for a letter or their order."""


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
    new, skipped = apart(knowledge, language, entry, texts)
    if new:

        def extended(data: Any) -> Any:
            entry_in(data, source.file, entry)["examples"] += new
            return data

        write(knowledge.root, [draft(source.file, extended)])
    return Added(entry, source.file, tuple(new), tuple(skipped))


def apart(
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
