"""Reads a YAML file that people edit, and reports every fault with its line, in plain French.

Every scalar is read as text, as it is written (``"02"`` stays ``02``, ``18:00`` is not a number,
``no`` is not false); the pydantic model that receives the data says what it must be. An empty
value, ``null`` and ``~`` are None. libyaml parses: it reads 10,000 entries in under a second,
where a parser in Python takes 20, and it gives the line of everything.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, ValidationError
from yaml.events import (  # type: ignore[import-untyped]
    CollectionEndEvent,
    CollectionStartEvent,
)
from yaml.nodes import (  # type: ignore[import-untyped]
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
)

from ivr.errors import Fault, KnowledgeError

Loc = tuple[str | int, ...]
"""Where a value is: keys and indexes from the top of the file."""

MAX_VALUES = 3_000_000
"""Values a file may expand to; beyond this, aliases are multiplying (a "billion laughs")."""

MAX_DEPTH = 100
"""Levels of nesting in a file; some 10,000 would overflow the stack of libyaml's caller."""

_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_M = TypeVar("_M", bound=BaseModel)


class Model(BaseModel):
    """What a file that people edit holds: frozen, and unknown fields are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, populate_by_name=True
    )


@dataclass(frozen=True)
class Document:
    """One file, parsed: its data, and the line of everything in it."""

    path: Path
    data: Any
    """Mappings, lists, texts and None."""
    root: Node | None

    def line(self, loc: Loc) -> int:
        """The line (from 1) of the value at ``loc``, or of the nearest thing that is there."""
        node, line = self.root, 1
        if node is not None:
            line = node.start_mark.line + 1
        for step in loc:
            if isinstance(node, MappingNode):
                for key, value in node.value:
                    if key.value == step:
                        node, line = value, key.start_mark.line + 1
                        break
                else:
                    break
            elif isinstance(node, SequenceNode) and isinstance(step, int):
                if step >= len(node.value):
                    break
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def where(self, loc: Loc) -> str:
        """The name of what ``loc`` lies in, for people: the id of the entry, or the key."""
        value, name = self.data, ""
        for step in loc:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                break
            if isinstance(value, dict):
                own = value.get("id") or value.get("name")
                if isinstance(own, str):
                    name = f"{name}.{own}" if name else own
        return name or ".".join(str(step) for step in loc[:2] if isinstance(step, str))

    def field(self, loc: Loc) -> str:
        """The path of ``loc`` within the item that ``where`` names, or within that of a list."""
        value, start = self.data, 0
        for number, step in enumerate(loc, 1):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                break
            if isinstance(value, dict) and (isinstance(step, int) or {"id", "name"} & value.keys()):
                start = number
        return ".".join(map(str, loc[start:]))

    def fault(self, loc: Loc, message: str) -> Fault:
        """A fault at ``loc``."""
        return Fault(self.path, self.line(loc), self.where(loc), message, self.field(loc))


def read(path: Path) -> Document:
    """Parse one file. Raises KnowledgeError with the one fault that stops the reading."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise _stop(path, 0, "le fichier n'existe pas : créez-le ou restaurez-le") from error
    except OSError as error:
        raise _stop(path, 0, f"le fichier ne peut pas être lu : {error.strerror}") from error
    return parse(path, _decode(path, raw))


def parse(path: Path, text: str) -> Document:
    """Parse the text of a file. Raises KnowledgeError with the one fault that stops it."""
    try:
        _bound_depth(text)
        root = yaml.compose(text, Loader=yaml.CBaseLoader)
        data = _Builder().build(root) if root is not None else None
    except yaml.YAMLError as error:
        line, message = _explain(text, error)
        raise _stop(path, line, message) from error
    except _TooDeep as error:
        raise _stop(
            path, error.line, f"plus de {MAX_DEPTH} niveaux l'un dans l'autre : simplifiez"
        ) from error
    except (_TooMuch, RecursionError) as error:
        raise _stop(
            path, 0, "les alias (*nom) s'imbriquent sans fin : écrivez les valeurs en clair"
        ) from error
    except _Twice as error:
        raise KnowledgeError(
            [
                Fault(
                    path,
                    error.line,
                    error.key,
                    f"« {error.key} » est écrit deux fois ici (déjà ligne {error.first}) : "
                    "gardez-en un seul",
                )
            ]
        ) from error
    return Document(path, data, root)


def validate(document: Document, model: type[_M]) -> tuple[_M | None, list[Fault]]:
    """What the file holds as a ``model``, or None and every fault."""
    if document.data is None:
        return None, [
            Fault(document.path, 0, "", "le fichier est vide : remplissez-le ou restaurez-le")
        ]
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, [
            document.fault(tuple(one["loc"]), _message(dict(one), model)) for one in error.errors()
        ]


def _stop(path: Path, line: int, message: str) -> KnowledgeError:
    return KnowledgeError([Fault(path, line, "", message)])


def _decode(path: Path, raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _stop(path, 0, f"le fichier est en UTF-16 : {_SAVE_AS}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        char = raw[error.start : error.start + 1].decode("cp1252", errors="replace")
        raise _stop(
            path,
            line,
            f"le fichier n'est pas en UTF-8 (ici un « {char} » de Latin-1 ou de Windows) : "
            + _SAVE_AS,
        ) from error


_SAVE_AS = (
    "dans votre éditeur, choisissez « Enregistrer sous », puis le codage UTF-8 ; "
    "ou tapez : iconv -f CP1252 -t UTF-8 FICHIER -o NOUVEAU"
)


class _TooDeep(Exception):
    """Lists or mappings stand too deep in each other."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _TooMuch(Exception):
    """Aliases multiply."""


class _Twice(Exception):
    """A key stands twice in one mapping."""

    def __init__(self, key: str, first: int, line: int) -> None:
        super().__init__(key)
        self.key, self.first, self.line = key, first, line


def _bound_depth(text: str) -> None:
    """Raises _TooDeep before a file that nests without end can overflow the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _TooDeep(event.start_mark.line + 1)
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


class _Builder:
    """Turns nodes into data. An alias costs what it expands to, so that nothing multiplies."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def build(self, node: Node) -> Any:
        self.left -= 1
        if self.left < 0:
            raise _TooMuch
        if isinstance(node, ScalarNode):
            return None if not node.style and node.value in _NULLS else node.value
        if isinstance(node, SequenceNode):
            return [self.build(item) for item in node.value]
        data: dict[Any, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else str(self.build(key))
            line = key.start_mark.line + 1
            if name in lines:
                raise _Twice(name, lines[name], line)
            lines[name] = line
            data[name] = self.build(value)
        return data


def _explain(text: str, error: yaml.YAMLError) -> tuple[int, str]:
    """Line and message, in plain French, of what stops the YAML parser."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        position = getattr(error, "position", 0) or 0
        line = text.count("\n", 0, position) + 1
        return line, "un caractère de contrôle, invisible, est interdit ici : effacez-le"
    problem = str(getattr(error, "problem", ""))
    number = int(mark.line)
    lines = text.splitlines() or [""]
    current = lines[min(number, len(lines) - 1)]
    if "\t" in current[: len(current) - len(current.lstrip())] or "tab character" in problem:
        return number + 1, (
            "une tabulation : YAML ne veut que des espaces au début d'une ligne ; "
            "remplacez-la par des espaces"
        )
    for pattern, message in _PROBLEMS:
        if re.search(pattern, problem):
            context = getattr(error, "context_mark", None)
            if "quoted scalar" in str(getattr(error, "context", "")) and context is not None:
                return int(context.line) + 1, message
            return number + 1, message
    return number + 1, f"ce n'est pas du YAML correct ({problem})"


_PROBLEMS = (
    (
        "mapping values are not allowed",
        "un deux-points de trop : une phrase avec « : » se met entre guillemets doubles",
    ),
    (
        "unexpected end of stream",
        "un guillemet ouvert ici n'est jamais fermé",
    ),
    (
        "cannot start any token",
        "un texte ne peut pas commencer par ce signe : mettez-le entre guillemets doubles",
    ),
    (
        r"expected ',' or '[\]}]'",
        "une liste entre crochets ou accolades n'est pas fermée, ou il y manque une virgule",
    ),
    (
        "expected key",
        "ligne mal décalée, ou texte qui suit un guillemet fermé : alignez-la sur ses voisines, "
        "ou mettez tout le texte entre guillemets doubles",
    ),
    (
        "expected '-' indicator",
        "ligne mal décalée : dans une liste, chaque ligne commence par un tiret au même niveau",
    ),
    (
        "could not find expected ':'",
        "il manque un deux-points après le nom du champ, ou une espace après le tiret",
    ),
    ("undefined alias", "un alias (*nom) ne renvoie à rien : définissez-le avec &nom"),
    ("another document", "« --- » commence un second document : n'en laissez qu'un par fichier"),
    ("did not find expected", "ligne mal décalée ou ponctuation manquante"),
)


def _message(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One of pydantic's errors in plain French, with what to do."""
    kind, loc, given = str(error["type"]), error["loc"], error.get("input")
    field = next((str(step) for step in reversed(loc) if isinstance(step, str)), "")
    about = f"« {field} » : " if field else ""
    context = error.get("ctx", {})
    if kind == "missing":
        return f"il manque le champ « {field} » : ajoutez-le"
    if kind == "extra_forbidden":
        return _unknown(field, _fields(model, loc[:-1]))
    if given is None:
        return f"{about}rien n'est écrit : écrivez une valeur ou retirez le champ"
    if kind == "value_error":
        return about + str(context.get("error", error["msg"]))
    if kind in ("literal_error", "enum"):
        return f"{about}« {given} » n'est pas possible ; choisissez parmi {context['expected']}"
    if kind == "string_type":
        if isinstance(given, Mapping):
            return (
                f"{about}un texte était attendu ; s'il contient « : », "
                "mettez-le entre guillemets doubles"
            )
        return f"{about}un texte était attendu, pas une liste"
    if kind == "string_too_short":
        return f"{about}c'est vide : remplissez-le"
    if kind == "string_too_long":
        return f"{about}c'est trop long : {context['max_length']} caractères au plus"
    if kind == "too_short":
        return f"{about}c'est vide : écrivez-en au moins {context.get('min_length', 1)}"
    if kind == "too_long":
        return f"{about}c'est trop long (au plus {context['max_length']})"
    expected = next((text for start, text in _EXPECTED if kind.startswith(start)), "")
    shown = f" (lu : {given!s:.40})" if isinstance(given, str) else ""
    return f"{about}{expected or error['msg']}{shown}"


_EXPECTED = (
    ("tuple", "une liste était attendue, une ligne par élément, chacune avec un tiret"),
    ("list", "une liste était attendue, une ligne par élément, chacune avec un tiret"),
    ("dict", "des champs étaient attendus (nom, deux-points, valeur)"),
    ("mapping", "des champs étaient attendus (nom, deux-points, valeur)"),
    ("model", "des champs étaient attendus (nom, deux-points, valeur)"),
    ("date", "une date était attendue, écrite 2026-12-24"),
    ("int", "un nombre entier était attendu"),
    ("float", "un nombre était attendu, avec un point décimal"),
    ("greater", "le nombre est trop petit"),
    ("less", "le nombre est trop grand"),
    ("bool", "« true » ou « false » était attendu"),
)


def _unknown(field: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(field, known, 1)
    if close:
        return f"le champ « {field} » n'existe pas : vouliez-vous écrire « {close[0]} » ?"
    return f"le champ « {field} » n'existe pas ; les champs possibles : {', '.join(known)}"


def _fields(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The names of the fields of the model that stands at ``loc`` below ``model``."""
    for step in loc:
        if isinstance(step, int):
            continue
        for name, field in model.model_fields.items():
            if step in (name, field.alias):
                inner = _inner(field.annotation)
                model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _inner(part):
            return found
    return None
