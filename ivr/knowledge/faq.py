"""Reads what callers ask: the FAQ, its translations, what is handled elsewhere, the dialogue's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from ivr.errors import Fault
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.entries import (
    DialogueFile,
    ElsewhereFile,
    Entry,
    FaqFile,
    Intent,
    Source,
    Topic,
    Translation,
    TranslationFile,
    translated,
)
from ivr.knowledge.reader import Reader, files
from ivr.yamlfile import Document, Loc, validate

ELSEWHERE = "elsewhere.yaml"

_E = TypeVar("_E", bound=Translation)


class FaqReader:
    """Reads the questions of one folder; faults go to its reader."""

    def __init__(
        self,
        reader: Reader,
        facts: Mapping[str, Mapping[str, Any]],
        departments: Collection[str],
        places: Collection[str],
    ) -> None:
        """facts: by language; empty when they could not be read.

        departments: the known ids; empty when they could not be read.
        places: the ids of what has hours: departments and places.
        """
        self._reader = reader
        self._facts = facts
        self._departments = departments
        self._places = places
        self._whole = True
        """Whether all of the French FAQ could be read."""
        self.sources: dict[tuple[str, str], Source] = {}
        """Where each entry is written, by language and id."""

    def entries(self) -> dict[str, Entry]:
        """The French entries by id."""
        found: dict[str, Entry] = {}
        reader, before = self._reader, len(self._reader.faults)
        for path in files(reader.root, "faq/*.yaml"):
            if (document := reader.read(path)) is None:
                continue
            default = self._default_department(document)
            for index, entry in self._each(document, FaqFile, Entry, REFERENCE):
                where: Loc = ("entries", index)
                if entry.department:
                    self._known(document, (*where, "department"), entry.department)
                if entry.hours_of:
                    self._known(document, (*where, "hours_of"), entry.hours_of, self._places)
                filled = self._filled(document, where, entry, REFERENCE)
                department = entry.department or default
                found[entry.id] = filled.model_copy(update={"department": department})
        self._whole = len(reader.faults) == before
        if not found and self._whole:
            reader.faults.append(
                Fault(reader.root / "faq", 0, "", "aucune question : écrivez-y au moins une entrée")
            )
        return found

    def translations(self, entries: Mapping[str, Entry]) -> dict[str, dict[str, Entry]]:
        """The entries in other languages, by language and id."""
        found: dict[str, dict[str, Entry]] = {}
        for path in files(self._reader.root, "faq/??/*.yaml"):
            language = path.parent.name
            if (document := self._reader.read(path)) is None:
                continue
            own = found.setdefault(language, {})
            for index, one in self._each(document, TranslationFile, Translation, language):
                one = self._filled(document, ("entries", index), one, language)
                if (french := entries.get(one.id)) is not None:
                    self._same_follow_ups(document, index, one, french)
                    own[one.id] = translated(french, one)
                elif self._whole:
                    self._reader.fault(
                        document,
                        ("entries", index, "id"),
                        f"« {one.id} » n'existe pas en français : écrivez-le d'abord dans faq/",
                    )
        return found

    def topics(self) -> dict[str, Topic]:
        """What the town hall does not handle, by id; none without the file."""
        path = self._reader.root / ELSEWHERE
        if not path.exists() or (file := self._reader.file(path, ElsewhereFile)) is None:
            return {}
        document, content = file
        found: dict[str, Topic] = {}
        for n, topic in enumerate(content.topics):
            loc: Loc = ("topics", n)
            if topic.id in found:
                self._reader.fault(
                    document, (*loc, "id"), f"« {topic.id} » est écrit deux fois : gardez-en un"
                )
            answer = self._text(document, (*loc, "answer"), topic.answer, REFERENCE)
            answers = {
                language: self._text(document, (*loc, "answers", language), text, language)
                for language, text in topic.answers.items()
            }
            found[topic.id] = topic.model_copy(update={"answer": answer, "answers": answers})
        return found

    def intents(self) -> tuple[Intent, ...]:
        """What callers say that the dialogue itself handles, in the order of the files."""
        found: list[Intent] = []
        for language, document in self._reader.by_language("dialogue/*.yaml").items():
            content, faults = validate(document, DialogueFile)
            self._reader.faults += faults
            for one in content.intents if content else ():
                found.append(Intent(one.id, one.detail, language, one.keywords, one.examples))
        return tuple(found)

    def _default_department(self, document: Document) -> str:
        default = document.data.get("department") if isinstance(document.data, dict) else None
        if not isinstance(default, str):
            return ""
        self._known(document, ("department",), default)
        return default

    def _known(
        self, document: Document, loc: Loc, name: str, known: Collection[str] | None = None
    ) -> None:
        known = self._departments if known is None else known
        if known and name not in known:
            listed = ", ".join(sorted(known))
            self._reader.fault(
                document,
                loc,
                f"« {name} » n'existe pas dans departments.yaml ; ceux qui existent : {listed}",
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
        self._reader.faults += faults
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
        before = self.sources.get((language, entry_id))
        if before is None:
            line = document.line(("entries", index))
            self.sources[language, entry_id] = Source(document.path, index, line)
            return True
        self._reader.fault(
            document,
            ("entries", index, "id"),
            f"l'identifiant « {entry_id} » existe déjà ({before.file}:{before.line}) : "
            "gardez une seule des deux questions, ou donnez-lui un autre identifiant",
        )
        return False

    def _filled(self, document: Document, where: Loc, entry: _E, language: str) -> _E:
        """The entry with the facts in its texts."""

        def fill(loc: Loc, text: str) -> str:
            return self._text(document, (*where, *loc), text, language)

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

    def _text(self, document: Document, loc: Loc, text: str, language: str) -> str:
        facts = self._facts.get(language) or self._facts.get(REFERENCE)
        return self._reader.filled(document, loc, text, facts)

    def _same_follow_ups(
        self, document: Document, index: int, one: Translation, french: Entry
    ) -> None:
        known = {follow_up.id for follow_up in french.follow_ups}
        for n, follow_up in enumerate(one.follow_ups):
            if follow_up.id not in known:
                self._reader.fault(
                    document,
                    ("entries", index, "follow_ups", n, "id"),
                    f"la question de suite « {follow_up.id} » n'existe pas en français",
                )
