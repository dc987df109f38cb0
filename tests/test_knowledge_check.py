"""The checks beyond the schema, the advice, and the schemas that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.knowledge import load
from ivr.knowledge.check import WANTED_EXAMPLES, Lines, advice, check, examples
from ivr.knowledge.directory import DepartmentsFile
from ivr.knowledge.entries import Entry
from ivr.knowledge.hours import Mode
from ivr.knowledge.schema import schemas
from tests.knowledge_folder import Files, replaced, write

ROOT = Path(__file__).parents[1]
FAQ, EAU, DIALOGUE = "faq/accueil.yaml", "faq/eau.yaml", "dialogue/fr.yaml"
LONG = "Venez avec vos papiers au guichet, le matin ou l'après-midi. "


def found(root: Path, changed: Files) -> list[str]:
    """The faults of the small town with some files changed, its folder cut off."""
    return [str(fault).replace(f"{root}/", "") for fault in check(load(write(root, changed)))]


def test_nothing_to_say_of_the_small_town(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []


def test_one_phrase_for_two_entries(tmp_path: Path) -> None:
    said = replaced(EAU, "il y a une fuite dans la rue", "Aller nager !")
    assert found(tmp_path, said) == [
        "faq/eau.yaml:6: eau-fuite: « Aller nager ! » est aussi un exemple de « piscine » "
        "(faq/accueil.yaml:12) : gardez-le d'un seul côté, ou dites ce qui les distingue"
    ]


@pytest.mark.parametrize(
    ("said", "alike"),
    [
        ("bonjour je voudrais aller à la piscine municipale", False),
        ("bonjour je voudrais les piscines municipales svp", True),
        ("municipale la piscine", True),
        ("la piscine privée", False),
        ("la patinoire municipale", False),
        ("la piscine", False),
    ],
)
def test_nearly_one_phrase_for_two_entries(tmp_path: Path, said: str, alike: bool) -> None:
    faults = found(tmp_path, replaced(EAU, "il y a une fuite dans la rue", said))
    assert [f"« {said} » ne diffère guère de « la piscine municipale »" in f for f in faults] == (
        [True] if alike else []
    )


def test_one_phrase_for_an_entry_and_the_dialogue(tmp_path: Path) -> None:
    (fault,) = found(tmp_path, replaced(DIALOGUE, "plus lentement s'il vous plaît", "aller nager"))
    assert fault.startswith("dialogue/fr.yaml:7: repeter/slower: « aller nager » est aussi un")


def test_languages_do_not_meet(tmp_path: Path) -> None:
    assert found(tmp_path, replaced("faq/en/accueil.yaml", "where can I swim", "ouvrez-vous")) == []
    assert found(tmp_path / "b", replaced("dialogue/en.yaml", '"yes"', "répétez")) == []


@pytest.mark.parametrize(
    ("file", "old", "line"),
    [
        (FAQ, "L'entrée est à 3 €.", "faq/accueil.yaml:17: piscine: environ "),
        (EAU, "Appelez le {{ dept['eau'].phone }}.", "faq/eau.yaml:9: eau-fuite: environ "),
        (
            "faq/en/accueil.yaml",
            "The pool is open {{ place['piscine'].hours }}, in summer.",
            "faq/en/accueil.yaml:6: piscine: environ ",
        ),
        (
            "elsewhere.yaml",
            "Pour les impôts, appelez le 0809 401 401.",
            "elsewhere.yaml:5: impots: environ ",
        ),
    ],
)
def test_an_answer_too_long_to_say(tmp_path: Path, file: str, old: str, line: str) -> None:
    (fault,) = found(tmp_path, replaced(file, old, LONG * 8))
    assert fault.startswith(line)
    assert found(tmp_path / "short", replaced(file, old, LONG * 6)) == []


def test_numbers_count_as_they_are_said(tmp_path: Path) -> None:
    numbers = "Appelez le 02 32 00 20 10. " * 9
    (fault,) = found(tmp_path, replaced(FAQ, "L'entrée est à 3 €.", numbers))
    assert "secondes à dire, pour 25 au plus" in fault


def test_a_synonym_of_two_departments(tmp_path: Path) -> None:
    (fault,) = found(
        tmp_path, replaced("departments.yaml", "[service des eaux]", "[eau, Standard]")
    )
    assert fault.startswith("departments.yaml:17: eau: « Standard » désigne déjà « accueil »")


def test_the_line_of_an_example(tmp_path: Path) -> None:
    knowledge = load(write(tmp_path))
    lines = Lines()
    places = {one.text: lines.fault(one, "").line for one in examples(knowledge)}
    assert places["la piscine municipale"] == 12
    assert places["payer mes impôts"] == 4
    assert places["répétez"] == 3
    assert {one.language for one in examples(knowledge)} == {"fr", "en"}


def test_advice(tmp_path: Path) -> None:
    given = advice(load(write(tmp_path)))
    assert [(fault.where, fault.line) for fault in given] == [
        ("horaires", 3),
        ("piscine", 9),
        ("eau-fuite", 3),
        ("piscine", 2),
    ]
    many = ", ".join(f"fuite {n}" for n in range(WANTED_EXAMPLES))
    enough = load(write(tmp_path / "b", replaced(EAU, "il y a une fuite dans la rue", many)))
    assert "eau-fuite" not in {fault.where for fault in advice(enough)}


# --- schemas -----------------------------------------------------------------------------------


def test_the_schemas_in_the_repository_are_those_of_the_program() -> None:
    folder = ROOT / "knowledge" / "schema"
    written = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    assert written == schemas(), "run: ivr schema knowledge/schema"


def test_every_field_that_people_write_is_explained() -> None:
    for name, schema in schemas().items():
        if name == "wording":
            continue
        for part in (schema, *schema.get("$defs", {}).values()):
            for field, about in part.get("properties", {}).items():
                assert "description" in about or field.endswith("day"), (name, field)


# --- the guide ---------------------------------------------------------------------------------


def test_the_guide_names_every_field_and_mode() -> None:
    guide = (ROOT / "docs" / "fr" / "faq.md").read_text("utf-8")
    names = [*Entry.model_fields, *Mode, *DepartmentsFile.model_fields, "closures", "openings"]
    assert [name for name in names if name not in guide] == []
