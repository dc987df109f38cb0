"""Loads all knowledge files, and reports every fault in them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ivr.errors import Fault, KnowledgeError
from ivr.knowledge import wording
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE, Catalogue, read_prompts
from ivr.knowledge.crosscheck import people_faults, schedule_faults
from ivr.knowledge.directory import (
    DepartmentsFile,
    Directory,
    OperatorsFile,
)
from ivr.knowledge.entries import (
    ElsewhereFile,
    Entry,
    FaqFile,
    Source,
    Topic,
    Translation,
    TranslationFile,
    translated,
)
from ivr.knowledge.facts import facts_of
from ivr.knowledge.hours import Hours
from ivr.knowledge.templates import TemplateFault, parameters, render
from ivr.knowledge.wording import Wording
from ivr.yamlfile import Document, Loc, Model, read, validate

_M = TypeVar("_M", bound=Model)
_E = TypeVar("_E", bound=Translation)

ELSEWHERE = "elsewhere.yaml"
FILES = ("departments.yaml", "hours.yaml", "operators.yaml")
"""The files that must be there, beside ``faq/``."""


def load(root: Path) -> Knowledge:
    """Read every file under ``root``. Raises KnowledgeError with every fault found."""
    return _Loader(root).load()


def sources(root: Path) -> list[Path]:
    """The files that ``load`` reads, in order; those of ``FILES`` even when they are missing."""
    found = [root / name for name in FILES]
    for pattern in (ELSEWHERE, "faq/*.yaml", "faq/*/*.yaml", "prompts/*.yaml", "wording/*.yaml"):
        found += sorted(path for path in root.glob(pattern) if not path.name.startswith("."))
    return found


class _Loader:
    """One loading: gathers faults on the way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self.sources: dict[tuple[str, str], Source] = {}
        self.places: set[str] | None = None

    def load(self) -> Knowledge:
        if not self.root.is_dir():
            raise KnowledgeError(
                [Fault(self.root, 0, "", "le dossier des connaissances n'existe pas")]
            )
        self._misnamed()
        directory = self._file("departments.yaml", DepartmentsFile)
        hours = self._file("hours.yaml", Hours)
        operators = self._file("operators.yaml", OperatorsFile)
        wordings = self._wordings()
        facts: dict[str, dict[str, Any]] = {}
        departments: set[str] | None = None
        if directory and hours:
            facts = {
                name: facts_of(directory[1], hours[1], name, w) for name, w in wordings.items()
            }
            self.faults += schedule_faults(directory, hours)
        if directory:
            departments = {one.id for one in directory[1].departments}
            if operators:
                self.faults += people_faults(directory, operators)
            self.places = {one.id for one in directory[1].places} | departments
        entries = self._entries(facts.get(REFERENCE), departments)
        translations = self._translations(entries, facts)
        topics = self._topics(facts)
        catalogue = self._prompts(facts)
        if self.faults or not (directory and hours and operators):
            raise KnowledgeError(self.faults)
        by_id = {one.id: one for one in directory[1].departments}
        return Knowledge(
            root=self.root,
            town=directory[1].town,
            departments=by_id,
            places={one.id: one for one in directory[1].places},
            operators=operators[1].operators,
            hours=hours[1],
            entries=entries,
            translations=translations,
            sources=self.sources,
            catalogue=catalogue,
            wordings=wordings,
            directory=Directory(by_id),
            topics=topics,
            menu=directory[1].menu,
        )

    def _misnamed(self) -> None:
        for path in sorted(self.root.rglob("*.yml")):
            self.faults.append(Fault(path, 0, "", "le fichier n'est pas lu : renommez-le en .yaml"))
        for path in sorted((self.root / "faq").glob("*/")):
            if not (len(path.name) == 2 and path.name.isalpha() and path.name.islower()):
                self.faults.append(
                    Fault(path, 0, "", "un dossier de faq/ porte le code d'une langue : en")
                )

    def _read(self, path: Path) -> Document | None:
        try:
            return read(path)
        except KnowledgeError as error:
            self.faults += error.faults
            return None

    def _file(self, name: str, model: type[_M]) -> tuple[Document, _M] | None:
        document = self._read(self.root / name)
        if document is None:
            return None
        value, faults = validate(document, model)
        self.faults += faults
        return (document, value) if value is not None else None

    def _wordings(self) -> dict[str, Wording]:
        found = {REFERENCE: wording.FRENCH}
        for path in sorted(self.root.glob("wording/*.yaml")):
            if read_one := self._file(f"wording/{path.name}", Wording):
                found[path.stem] = read_one[1]
        return found

    def _entries(
        self, facts: Mapping[str, Any] | None, departments: set[str] | None
    ) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        paths = sorted(p for p in self.root.glob("faq/*.yaml") if not p.name.startswith("."))
        if not paths:
            self.faults.append(
                Fault(self.root / "faq", 0, "", "aucune question : écrivez-y au moins un fichier")
            )
        for path in paths:
            if (document := self._read(path)) is None:
                continue
            default = self._default_department(document, departments)
            for index, entry in self._each(document, FaqFile, Entry, REFERENCE):
                where: Loc = ("entries", index)
                department = entry.department or default
                if entry.department and departments is not None:
                    self._known(document, (*where, "department"), department, departments)
                if entry.hours_of and self.places is not None:
                    self._known(document, (*where, "hours_of"), entry.hours_of, self.places)
                filled = self._filled(document, where, entry, facts)
                found[entry.id] = filled.model_copy(update={"department": department})
        return found

    def _default_department(self, document: Document, departments: set[str] | None) -> str:
        default = document.data.get("department") if isinstance(document.data, dict) else None
        if isinstance(default, str) and departments is not None:
            self._known(document, ("department",), default, departments)
        return default if isinstance(default, str) else ""

    def _known(self, document: Document, loc: Loc, name: str, known: Iterable[str]) -> None:
        if name not in known:
            self.faults.append(
                document.fault(
                    loc,
                    f"« {name} » n'existe pas dans departments.yaml ; ceux qui existent : "
                    + ", ".join(sorted(known)),
                )
            )

    def _each(
        self,
        document: Document,
        whole: type[FaqFile] | type[TranslationFile],
        model: type[_E],
        language: str,
    ) -> list[tuple[int, _E]]:
        """The good entries of one file with their places in it; those seen before are faults."""
        value, faults = validate(document, whole)
        self.faults += faults
        listed: Any = value.entries if value is not None else None
        if listed is None:
            data = document.data.get("entries") if isinstance(document.data, dict) else None
            listed = data if isinstance(data, list) else []
        found = []
        for index, one in enumerate(listed):
            if not isinstance(one, model):
                try:
                    one = model.model_validate(one)
                except ValidationError:
                    continue  # its faults are those of the whole file
            if self._first(document, one.id, index, language):
                found.append((index, one))
        return found

    def _first(self, document: Document, entry_id: str, index: int, language: str) -> bool:
        line = document.line(("entries", index))
        before = self.sources.get((language, entry_id))
        if before is None:
            self.sources[language, entry_id] = Source(document.path, index, line)
            return True
        self.faults.append(
            document.fault(
                ("entries", index, "id"),
                f"l'identifiant « {entry_id} » existe déjà ({before.file}:{before.line}) : "
                "gardez une seule des deux questions, ou donnez-lui un autre identifiant",
            )
        )
        return False

    def _filled(
        self, document: Document, where: Loc, entry: _E, facts: Mapping[str, Any] | None
    ) -> _E:
        """The entry with the facts in its texts; without facts, templates are only parsed."""

        def fill(loc: Loc, text: str) -> str:
            return self._text(document, (*where, *loc), text, facts)

        follow_ups = tuple(
            one.model_copy(update={"answer": fill(("follow_ups", n, "answer"), one.answer)})
            for n, one in enumerate(entry.follow_ups)
        )
        update: dict[str, Any] = {
            name: fill((name,), getattr(entry, name)) for name in ("title", "confirm", "answer")
        }
        if entry.offer is not None:
            update["offer"] = fill(("offer",), entry.offer)
        return entry.model_copy(update={**update, "follow_ups": follow_ups})

    def _text(
        self, document: Document, loc: Loc, text: str, facts: Mapping[str, Any] | None
    ) -> str:
        try:
            if facts is None:
                parameters(text)
                return text
            return render(text, facts)
        except TemplateFault as error:
            field = next(step for step in reversed(loc) if isinstance(step, str))
            self.faults.append(document.fault(loc, f"« {field} » : {error}"))
            return text

    def _translations(
        self, entries: Mapping[str, Entry], facts: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Entry]]:
        found: dict[str, dict[str, Entry]] = {}
        for path in sorted(self.root.glob("faq/??/*.yaml")):
            language = path.parent.name
            if path.name.startswith(".") or (document := self._read(path)) is None:
                continue
            own = found.setdefault(language, {})
            for index, one in self._each(document, TranslationFile, Translation, language):
                known = facts.get(language) or facts.get(REFERENCE)
                one = self._filled(document, ("entries", index), one, known)
                if (french := entries.get(one.id)) is not None:
                    self._same_follow_ups(document, index, one, french)
                    own[one.id] = translated(french, one)
                elif (REFERENCE, one.id) not in self.sources:
                    self.faults.append(
                        document.fault(
                            ("entries", index, "id"),
                            f"« {one.id} » n'existe pas en français : écrivez-le d'abord dans faq/",
                        )
                    )
        return found

    def _same_follow_ups(
        self, document: Document, index: int, one: Translation, french: Entry
    ) -> None:
        known = {follow_up.id for follow_up in french.follow_ups}
        for n, follow_up in enumerate(one.follow_ups):
            if follow_up.id not in known:
                self.faults.append(
                    document.fault(
                        ("entries", index, "follow_ups", n, "id"),
                        f"la question de suite « {follow_up.id} » n'existe pas en français",
                    )
                )

    def _topics(self, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Topic]:
        if not (self.root / ELSEWHERE).exists():
            return {}
        if (read_one := self._file(ELSEWHERE, ElsewhereFile)) is None:
            return {}
        document, file = read_one
        found: dict[str, Topic] = {}
        for n, topic in enumerate(file.topics):
            loc: Loc = ("topics", n)
            if topic.id in found:
                self.faults.append(
                    document.fault(
                        (*loc, "id"), f"« {topic.id} » est écrit deux fois : gardez-en un"
                    )
                )
            answer = self._text(document, (*loc, "answer"), topic.answer, facts.get(REFERENCE))
            answers = {
                language: self._text(
                    document, (*loc, "answers", language), text, facts.get(language)
                )
                for language, text in topic.answers.items()
            }
            found[topic.id] = topic.model_copy(update={"answer": answer, "answers": answers})
        return found

    def _prompts(self, facts: Mapping[str, Mapping[str, Any]]) -> Catalogue:
        documents = {}
        for path in sorted(self.root.glob("prompts/*.yaml")):
            if not path.name.startswith(".") and (document := self._read(path)) is not None:
                documents[path.stem] = document
        catalogue, faults = read_prompts(documents, facts or {REFERENCE: {}})
        if facts:  # without the facts, every one of them would be reported as unknown
            self.faults += faults
        return catalogue
