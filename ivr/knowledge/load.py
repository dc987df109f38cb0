"""Loads all knowledge files, and reports every fault in them at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ivr.errors import Fault, KnowledgeError
from ivr.knowledge import wording
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE, read_prompts
from ivr.knowledge.crosscheck import people_faults, schedule_faults
from ivr.knowledge.directory import DepartmentsFile, Directory, OperatorsFile
from ivr.knowledge.facts import facts_of
from ivr.knowledge.faq import ELSEWHERE, FaqReader
from ivr.knowledge.hours import Hours
from ivr.knowledge.reader import Reader, files, is_language
from ivr.knowledge.wording import Wording
from ivr.yamlfile import validate

REQUIRED = ("departments.yaml", "hours.yaml", "operators.yaml", f"prompts/{REFERENCE}.yaml")
"""The files that must be there, beside ``faq/``."""
PATTERNS = (
    *(ELSEWHERE, "faq/*.yaml", "faq/??/*.yaml"),
    *("dialogue/*.yaml", "prompts/*.yaml", "wording/*.yaml"),
)
"""The files that may be there."""


def sources(root: Path) -> list[Path]:
    """The files that ``load`` reads; those of ``REQUIRED`` even when they are missing."""
    found = {root / name for name in REQUIRED}
    return sorted(found.union(*(files(root, pattern) for pattern in PATTERNS)))


def load(root: Path, *, prompts: Mapping[str, Collection[str]] | None = None) -> Knowledge:
    """Read every file under ``root``. Raises KnowledgeError with every fault found.

    prompts: the keys that the program says, each with the parameters it gives; those missing in
    the catalogue are faults.
    """
    reader = Reader(root)
    if not root.is_dir():
        raise KnowledgeError([Fault(root, 0, "", "le dossier des connaissances n'existe pas")])
    _misnamed(reader)
    directory = reader.file(root / "departments.yaml", DepartmentsFile)
    hours = reader.file(root / "hours.yaml", Hours)
    operators = reader.file(root / "operators.yaml", OperatorsFile)
    wordings = _wordings(reader)
    facts: dict[str, dict[str, Any]] = {}
    if directory and hours:
        facts = {name: facts_of(directory[1], hours[1], name, w) for name, w in wordings.items()}
        reader.faults += schedule_faults(directory, hours)
    if directory and operators:
        reader.faults += people_faults(directory, operators)
    departments = {one.id: one for one in directory[1].departments} if directory else {}
    places = {one.id: one for one in directory[1].places} if directory else {}
    faq = FaqReader(reader, facts, frozenset(departments), frozenset(departments | places))
    entries = faq.entries()
    translations = faq.translations(entries)
    topics, intents = faq.topics(), faq.intents()
    documents = reader.by_language("prompts/*.yaml")
    if not (root / REQUIRED[-1]).exists():
        reader.read(root / REQUIRED[-1])  # which says so
    catalogue, faults = read_prompts(documents, facts or {REFERENCE: {}}, prompts or {})
    if facts:  # without the facts, every one of them would be reported as unknown
        reader.faults += faults
    if reader.faults or not (directory and hours and operators):
        raise KnowledgeError(reader.faults)
    return Knowledge(
        root=root,
        town=directory[1].town,
        departments=departments,
        places=places,
        operators=operators[1].operators,
        wrap_up=operators[1].wrap_up,
        hours=hours[1],
        entries=entries,
        translations=translations,
        sources=faq.sources,
        catalogue=catalogue,
        wordings=wordings,
        directory=Directory(departments),
        topics=topics,
        intents=intents,
        menu=directory[1].menu,
        duty=directory[1].duty,
    )


def facts(root: Path) -> dict[str, dict[str, Any]]:
    """The facts that templates may name, by language, from the files alone that they stand in.

    Raises KnowledgeError when these cannot be read.
    """
    reader = Reader(root)
    directory = reader.file(root / "departments.yaml", DepartmentsFile)
    hours = reader.file(root / "hours.yaml", Hours)
    wordings = _wordings(reader)
    if reader.faults or not (directory and hours):
        raise KnowledgeError(reader.faults)
    return {name: facts_of(directory[1], hours[1], name, w) for name, w in wordings.items()}


def _misnamed(reader: Reader) -> None:
    for path in sorted(reader.root.rglob("*.yml")):
        reader.faults.append(Fault(path, 0, "", "le fichier n'est pas lu : renommez-le en .yaml"))
    for path in sorted((reader.root / "faq").glob("*/")):
        if not is_language(path.name):
            reader.faults.append(
                Fault(path, 0, "", "un dossier de faq/ porte le code d'une langue : en")
            )


def _wordings(reader: Reader) -> dict[str, Wording]:
    found = {REFERENCE: wording.FRENCH}
    for language, document in reader.by_language("wording/*.yaml").items():
        value, faults = validate(document, Wording)
        reader.faults += faults
        if value is not None:
            found[language] = value
    return found
