"""Reads the files of one folder of knowledge, and gathers every fault on the way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from ivr.errors import Fault, KnowledgeError
from ivr.knowledge.templates import TemplateFault, parameters, render
from ivr.yamlfile import Document, Loc, Model, read, validate

_M = TypeVar("_M", bound=Model)


def files(root: Path, pattern: str) -> list[Path]:
    """The files under ``root`` that match, in order, an editor's hidden ones left out."""
    return sorted(path for path in root.glob(pattern) if not path.name.startswith("."))


class Reader:
    """One reading of the folder; what is wrong is added to ``faults``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []

    def read(self, path: Path) -> Document | None:
        """One file, parsed; None when it cannot be."""
        try:
            return read(path)
        except KnowledgeError as error:
            self.faults += error.faults
            return None

    def file(self, path: Path, model: type[_M]) -> tuple[Document, _M] | None:
        """One file as a ``model``; None when it is not one."""
        document = self.read(path)
        if document is None:
            return None
        value, faults = validate(document, model)
        self.faults += faults
        return (document, value) if value is not None else None

    def by_language(self, pattern: str) -> dict[str, Document]:
        """The files that match, by the language that each is named after."""
        found = {}
        for path in files(self.root, pattern):
            if not is_language(path.stem):
                self.faults.append(
                    Fault(path, 0, "", "le fichier porte le code d'une langue : fr.yaml, en.yaml")
                )
            elif (document := self.read(path)) is not None:
                found[path.stem] = document
        return found

    def fault(self, document: Document, loc: Loc, message: str) -> None:
        """Note a fault at a place of a file."""
        self.faults.append(document.fault(loc, message))

    def filled(
        self, document: Document, loc: Loc, text: str, facts: Mapping[str, Any] | None
    ) -> str:
        """A template with its facts filled in; without facts it is only parsed."""
        try:
            if facts is None:
                parameters(text)
                return text
            return render(text, facts)
        except TemplateFault as error:
            field = next(step for step in reversed(loc) if isinstance(step, str))
            self.fault(document, loc, f"« {field} » : {error}")
            return text


def is_language(name: str) -> bool:
    """Whether it looks like a language of ISO 639-1: ``fr``."""
    return len(name) == 2 and name.isascii() and name.isalpha() and name.islower()
