"""The town hall's departments, places, people and operators, and who is named in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import AfterValidator, ConfigDict, Field
from rapidfuzz import fuzz

from ivr.knowledge.entries import Identifier, Phrase
from ivr.knowledge.hours import Schedule
from ivr.knowledge.text import fold
from ivr.yamlfile import Model


def _phone(value: str) -> str:
    problem = ValueError(
        f"« {value} » n'est pas un numéro de téléphone français : écrivez-le 02 32 00 10 00"
    )
    try:
        number = phonenumbers.parse(value, "FR")
    except phonenumbers.NumberParseException as error:
        raise problem from error
    if phonenumbers.is_valid_number(number):
        return value
    if phonenumbers.is_valid_short_number_for_region(number, "FR"):
        return value
    raise problem


_REACHABLE = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.TOLL_FREE,
    }
)


def _outside(value: str) -> str:
    number = phonenumbers.parse(_phone(value), "FR")
    if (
        not phonenumbers.is_valid_number_for_region(number, "FR")
        or phonenumbers.number_type(number) not in _REACHABLE
        or number.extension
    ):
        raise ValueError(
            f"« {value} » : un appel n'est transféré que vers une ligne fixe ou mobile de France, "
            "ou un numéro gratuit ; ni numéro surtaxé, ni numéro court, ni étranger"
        )
    return value


def _extension(value: str) -> str:
    if not (value.isascii() and value.isdigit() and 2 <= len(value) <= 6):
        raise ValueError(f'« {value} » n\'est pas un numéro de poste : 2 à 6 chiffres, comme "101"')
    return value


_EMERGENCY = frozenset({"15", "17", "18", "112", "114", "115", "119", "191", "196"})


def _desk(value: str) -> str:
    """An extension that a telephone can be called at: as ``ivr render`` wants it."""
    if value.startswith("0") or len(value) > 5:
        raise ValueError(
            f"« {value} » ne peut pas être le poste d'un agent : 2 à 5 chiffres, le premier n'est "
            "pas 0"
        )
    if value in _EMERGENCY:
        raise ValueError(f"« {value} » est un numéro d'urgence : choisissez un autre poste")
    return value


def e164(number: str) -> str:
    """``02 32 00 10 00`` → ``+33232001000``."""
    parsed = phonenumbers.parse(number, "FR")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def national(number: str) -> str:
    """``02 32 00 10 00`` and ``+33 2 32 00 10 00`` → ``0232001000``."""
    return f"0{phonenumbers.national_significant_number(phonenumbers.parse(number, 'FR'))}"


Phone = Annotated[str, AfterValidator(_phone)]
OutsidePhone = Annotated[str, AfterValidator(_outside)]
Extension = Annotated[
    str, Field(json_schema_extra={"pattern": "^[0-9]{2,6}$"}), AfterValidator(_extension)
]


class Town(Model):
    """The town and its town hall; further fields are facts for the answers."""

    model_config = ConfigDict(extra="allow")

    name: Phrase
    title: Phrase
    address: Phrase
    phone: Phone
    website: str = ""
    access: str = ""

    def facts(self) -> dict[str, str]:
        """All fields, those of our own included, that have a value."""
        known: dict[str, Any] = {**self.__dict__, **(self.model_extra or {})}
        return {name: value for name, value in known.items() if isinstance(value, str) and value}


class Employee(Model):
    """A person callers may ask for by name."""

    name: Phrase
    role: str = ""
    extension: Extension
    synonyms: tuple[Phrase, ...] = ()


class Department(Model):
    """A department that calls are passed to; its id is its queue's name."""

    id: Identifier
    name: Phrase
    """With its article: "le service de l'urbanisme"."""
    names: dict[str, Phrase] = Field(default_factory=dict)
    """Its name in other languages: ``{en: the planning department}``."""
    synonyms: tuple[Phrase, ...] = ()
    address: str = ""
    schedule: str
    """One of the schedules of ``hours.yaml``."""
    phone: Phone | None = None
    """The number given to callers; the town hall's own when it has none."""
    extension: Extension
    overflow: str | None = None
    """The department that takes its calls when it has no operator."""
    outside: OutsidePhone | None = None
    """The one number outside that operators may transfer this department's calls to."""
    employees: tuple[Employee, ...] = ()


class Place(Model):
    """A place that the public looks for."""

    id: Identifier
    name: Phrase
    names: dict[str, Phrase] = Field(default_factory=dict)
    address: str = ""
    phone: Phone | None = None
    schedule: str


DeskExtension = Annotated[Extension, AfterValidator(_desk)]


class Skill(StrEnum):
    """How well an operator knows a department's matters: who is rung first."""

    EXPERT = "expert"
    NORMAL = "normal"
    BACKUP = "backup"
    """Rung when all the others are taken."""


class Operator(Model):
    """A person who takes calls at the switchboard."""

    name: Phrase
    extension: DeskExtension
    departments: tuple[str, ...] = Field(min_length=1)
    skills: dict[str, Skill] = Field(default_factory=dict)
    """How well they know a department's matters; ``normal`` for those that are not written."""
    shifts: Schedule | None = None
    """When they are signed in and out by themselves; without, only they do it."""


def _menu_key(value: str) -> str:
    if value not in set("123456789"):
        raise ValueError(f"« {value} » n'est pas une touche du menu : de 1 à 9, 0 est un agent")
    return value


MenuKey = Annotated[str, AfterValidator(_menu_key)]


class DepartmentsFile(Model):
    """``departments.yaml``."""

    town: Town
    departments: tuple[Department, ...] = Field(min_length=1)
    menu: dict[MenuKey, str] = Field(default_factory=dict)
    """The keypad menu of those who are not understood: a key, and the department it reaches."""
    duty: Identifier = "accueil"
    """The department that urgent calls are passed to, at any hour."""
    places: tuple[Place, ...] = ()


class OperatorsFile(Model):
    """``operators.yaml``."""

    operators: tuple[Operator, ...] = Field(min_length=1)
    wrap_up: int = Field(default=5, ge=0, le=600)
    """Seconds after a call in which an operator is not given the next one; ``*1`` ends them."""


class Kind(StrEnum):
    """What was named."""

    DEPARTMENT = "department"
    EMPLOYEE = "employee"


@dataclass(frozen=True)
class Named:
    """A department or a person whose name is in a sentence."""

    kind: Kind
    name: str
    """The department's id, or the person's name as in ``departments.yaml``."""
    department: str
    """The department's id, or that of the person's department."""
    extension: str
    score: float
    """0.0 to 1.0: how near what was said is to the name."""
    words: str
    """The words of the sentence, folded, that name it."""


@dataclass(frozen=True)
class _Name:
    words: str
    kind: Kind
    name: str
    department: str
    extension: str
    weight: float


_CIVILITY = frozenset(["madame", "monsieur", "mademoiselle", "mme", "mr", "m", "docteur", "maitre"])
_EMPTY = frozenset(
    ["a", "l", "d", "le", "la", "les", "de", "du", "des", "un", "une", "au", "aux", "et", "en"]
)
_OFFICE = frozenset(["service", "bureau"])


class Directory:
    """Finds who is named in a sentence, in spite of what a recogniser makes of names."""

    def __init__(self, departments: Mapping[str, Department]) -> None:
        self._names = [name for one in departments.values() for name in _names_of(one)]

    def find(self, text: str, *, least: float = 0.82) -> tuple[Named, ...]:
        """Departments and people named in ``text``, the most likely first, each once.

        A department's word is also found in a question about its matter ("où est la police ?"):
        whether the caller wants to speak to it is for the caller of this function to decide.
        """
        words = fold(text).split()
        found: dict[tuple[Kind, str], Named] = {}
        for name in self._names:
            score, said = _nearest(name, words)
            score *= name.weight
            key = (name.kind, name.name)
            if score >= least and (key not in found or found[key].score < score):
                found[key] = Named(
                    name.kind, name.name, name.department, name.extension, round(score, 3), said
                )
        return tuple(sorted(found.values(), key=lambda n: (-n.score, -len(n.words))))


def _names_of(department: Department) -> list[_Name]:
    def of(text: str, kind: Kind, name: str, extension: str, weight: float) -> _Name:
        return _Name(fold(text), kind, name, department.id, extension, weight)

    found = [
        of(text, Kind.DEPARTMENT, department.id, department.extension, 1.0)
        for text in (_core(department.name), *department.synonyms)
    ]
    for person in department.employees:
        first, _, last = person.name.partition(" ")
        found.append(of(person.name, Kind.EMPLOYEE, person.name, person.extension, 1.0))
        for text in (last, *person.synonyms):
            if text:
                found.append(of(text, Kind.EMPLOYEE, person.name, person.extension, 0.98))
        if first and last:
            found.append(of(first, Kind.EMPLOYEE, person.name, person.extension, 0.85))
    return [name for name in found if name.words]


def _core(name: str) -> str:
    """``le service de l'urbanisme`` → ``urbanisme``."""
    words = fold(name).split()
    while len(words) > 1 and words[0] in _EMPTY | _OFFICE:
        words.pop(0)
    return " ".join(words)


def _nearest(name: _Name, words: list[str]) -> tuple[float, str]:
    """The best likeness of a name to a run of words, 0.0 to 1.0, and those words.

    Runs one shorter to two longer than the name are tried, with and without the spaces: a
    recogniser splits and joins names ("le fèvre", "benna li"). A short name must be exact.
    """
    size, joined = len(name.words.split()), name.words.replace(" ", "")
    person = name.kind is Kind.EMPLOYEE
    best, said = 0.0, ""
    for length in range(max(1, size - 1), size + (3 if person else 1)):
        for start in range(len(words) - length + 1):
            run = words[start : start + length]
            if run[0] in _CIVILITY or (not person and run[0] in _EMPTY | _OFFICE and length > size):
                continue
            heard = "".join(run)
            score = fuzz.ratio(heard, joined, score_cutoff=70) / 100
            if len(joined) < 5 and score < 1:
                continue
            if score > best:
                best, said = score, " ".join(run)
    return best, said
