"""What a look at the whole of the knowledge finds: phrases in two places, answers too long to say.

``load`` refuses what cannot be used; this finds what can be used and ought to be mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ivr.errors import Fault
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.entries import RESERVED_IDS, Entry
from ivr.knowledge.faq import ELSEWHERE
from ivr.knowledge.text import fold
from ivr.speech.spoken import spoken
from ivr.yamlfile import Document, Loc, read

LONGEST_ANSWER = 25
"""Seconds that an answer may last: callers keep no more in mind."""
CHARACTERS_A_SECOND = 17
"""Of spoken text, numbers in words. Kokoro's ``ff_siwis`` at its normal pace says 17.4 to 19.4."""
WANTED_EXAMPLES = 30
"""An entry with as many, by different people, is found by callers who say it otherwise."""

_SMALL = """
    a ai allo alors au aux avec avez avoir avons ben bonjour bonsoir c ca ce cela ces cette d de
    des donc du elle en est et euh excusez faire faudrait faut fois il j je l la le les leur ma
    madame me merci mes moi mon monsieur n ne nous on ou oui par peux plait pour pourriez pouvez
    puis qu que qui s savoir se si souhaite souhaiterais suis sur svp te un une veux vois voila
    voudrais vous y
    an am and are do for hello hi i is it m my of please the to want would you
"""
_EMPTY = frozenset(_SMALL.split())
"""Folded words that do not tell one request from another."""
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ee?s?|er|ez|s|x)$")


@dataclass(frozen=True)
class Example:
    """One thing that callers say, and where it is written."""

    owner: str
    """The id it is an example of: of an entry, of a topic, or ``operateur``, ``repeter/slower``…"""
    text: str
    language: str
    file: Path
    loc: Loc


def examples(knowledge: Knowledge) -> Iterator[Example]:
    """Every example of the FAQ, of the topics handled elsewhere and of the dialogue."""
    for language in knowledge.languages:
        for entry in knowledge.entries_in(language).values():
            source = knowledge.sources[language, entry.id]
            for n, text in enumerate(entry.examples):
                loc: Loc = ("entries", source.index, "examples", n)
                yield Example(entry.id, text, language, source.file, loc)
    for index, topic in enumerate(knowledge.topics.values()):
        for n, text in enumerate(topic.examples):
            loc = ("topics", index, "examples", n)
            yield Example(topic.id, text, REFERENCE, knowledge.root / ELSEWHERE, loc)
    before: dict[str, int] = {}
    for intent in knowledge.intents:
        index = before.get(intent.language, 0)
        before[intent.language] = index + 1
        owner = f"{intent.id}/{intent.detail}" if intent.detail else intent.id
        file = knowledge.root / "dialogue" / f"{intent.language}.yaml"
        for n, text in enumerate(intent.examples):
            yield Example(owner, text, intent.language, file, ("intents", index, "examples", n))


class Lines:
    """Finds lines in the files, each read once. Methods raise KnowledgeError for a broken file."""

    def __init__(self) -> None:
        self._documents: dict[Path, Document] = {}

    def line(self, file: Path, loc: Loc) -> int:
        """The line of a place in a file."""
        if file not in self._documents:
            self._documents[file] = read(file)
        return self._documents[file].line(loc)

    def fault(self, example: Example, message: str) -> Fault:
        """A fault of an example, on its line."""
        return Fault(example.file, self.line(example.file, example.loc), example.owner, message)


def check(knowledge: Knowledge) -> list[Fault]:
    """Every fault that loading lets pass. Raises KnowledgeError when a file has broken since."""
    lines = Lines()
    return sorted([*_alike(knowledge, lines), *_long(knowledge, lines), *_names(knowledge, lines)])


def advice(knowledge: Knowledge) -> list[Fault]:
    """What is no fault, and would serve callers better: entries with few examples."""
    return sorted(
        Fault(
            knowledge.sources[language, entry.id].file,
            knowledge.sources[language, entry.id].line,
            entry.id,
            f"{len(entry.examples)} exemples : avec {WANTED_EXAMPLES}, dits comme par des "
            "personnes différentes, cette question serait mieux reconnue",
        )
        for language in knowledge.languages
        for entry in knowledge.entries_in(language).values()
        if len(entry.examples) < WANTED_EXAMPLES
    )


def _alike(knowledge: Knowledge, lines: Lines) -> Iterator[Fault]:
    """Examples of two different things that are the same, or the same but for small words."""
    same: dict[tuple[str, str], Example] = {}
    near: dict[tuple[str, frozenset[str]], Example] = {}
    for one in examples(knowledge):
        words = fold(one.text)
        first = same.setdefault((one.language, words), one)
        if first.owner != one.owner:
            yield lines.fault(one, _clash(one, "est aussi un exemple", first, lines))
            continue
        core = _core(words)
        if len(core) < 2 or one.owner.partition("/")[0] in RESERVED_IDS:
            continue  # small words are all there is to "merci bien"
        first = near.setdefault((one.language, core), one)
        if first.owner != one.owner:
            what = f"ne diffère guère de « {first.text} », exemple"
            yield lines.fault(one, _clash(one, what, first, lines))


def _clash(one: Example, what: str, first: Example, lines: Lines) -> str:
    place = f"{first.file}:{lines.line(first.file, first.loc)}"
    return (
        f"« {one.text} » {what} de « {first.owner} » ({place}) : gardez-le d'un seul côté, ou "
        "dites ce qui les distingue"
    )


def _core(words: str) -> frozenset[str]:
    """The telling words of a folded sentence, without their endings."""
    return frozenset(_stem(word) for word in words.split() if word not in _EMPTY)


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    return _ENDING.sub("", word)


def _long(knowledge: Knowledge, lines: Lines) -> Iterator[Fault]:
    """Answers that take too long to say."""
    for language in knowledge.languages:
        for entry in knowledge.entries_in(language).values():
            source = knowledge.sources[language, entry.id]
            for loc, text in _answers(entry):
                if seconds := _too_long(text, language):
                    line = lines.line(source.file, ("entries", source.index, *loc))
                    yield Fault(source.file, line, entry.id, seconds)
    for index, topic in enumerate(knowledge.topics.values()):
        file = knowledge.root / ELSEWHERE
        for loc, text, language in [
            (("answer",), topic.answer, REFERENCE),
            *((("answers", name), text, name) for name, text in topic.answers.items()),
        ]:
            if seconds := _too_long(text, language):
                yield Fault(file, lines.line(file, ("topics", index, *loc)), topic.id, seconds)


def _answers(entry: Entry) -> Iterable[tuple[Loc, str]]:
    yield ("answer",), entry.answer
    for n, follow_up in enumerate(entry.follow_ups):
        yield ("follow_ups", n, "answer"), follow_up.answer


def _too_long(text: str, language: str) -> str:
    """What is wrong with the length of an answer; empty when nothing is."""
    most = LONGEST_ANSWER * CHARACTERS_A_SECOND
    said = _said(text, language)
    if said <= most:
        return ""
    return (
        f"environ {round(said / CHARACTERS_A_SECOND)} secondes à dire, pour {LONGEST_ANSWER} au "
        f"plus : raccourcissez-le d'environ {said - most} caractères, ou mettez les détails dans "
        "une autre question de suite (follow_ups)"
    )


@lru_cache(maxsize=10_000)
def _said(text: str, language: str) -> int:
    """Characters of spoken text; kept, since each save checks all answers, and changes one."""
    return len(spoken(text, language))


def _names(knowledge: Knowledge, lines: Lines) -> Iterator[Fault]:
    """Synonyms that name two departments."""
    file = knowledge.root / "departments.yaml"
    owners: dict[str, str] = {}
    for n, department in enumerate(knowledge.departments.values()):
        for m, synonym in enumerate(department.synonyms):
            first = owners.setdefault(fold(synonym), department.id)
            if first != department.id:
                yield Fault(
                    file,
                    lines.line(file, ("departments", n, "synonyms", m)),
                    department.id,
                    f"« {synonym} » désigne déjà « {first} » : gardez-le pour un seul service",
                    "synonyms",
                )
