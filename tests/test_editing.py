"""Entries are changed, added and removed in the files that people edit by hand as well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ivr.calllog.database import Database
from ivr.errors import IvrError, KnowledgeError
from ivr.faq.history import BY_HAND, History, UndoRefused, differences, from_json, undoing
from ivr.knowledge import load
from ivr.knowledge.editing import (
    Conflict,
    Edit,
    Found,
    by_field,
    drafts,
    find,
    save,
    typed,
    verify,
    version,
    written,
)
from ivr.knowledge.saving import AlreadyBroken
from ivr.knowledge.store import Store
from ivr.knowledge.together import write_all
from ivr.yamledit import replace
from tests.knowledge_folder import FILES, put, write

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
EAU = "faq/eau.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "knowledge")


def current(root: Path, entry: str) -> dict[str, Any]:
    found = find(root, "fr", entry)
    assert found is not None
    return found.data


def edit(root: Path, entry: str, **fields: Any) -> Edit:
    before = current(root, entry)
    return Edit("fr", entry, before, {**before, **fields})


def test_a_changed_entry_is_all_that_changes(root: Path) -> None:
    put(root / EAU, "# l'eau\n" + FILES[EAU])
    save(root, edit(root, "eau-fuite", title="Une fuite : vite", valid_from=date(2026, 2, 1)))
    assert (root / EAU).read_text() == "# l'eau\n" + FILES[EAU].replace(
        "title: Une fuite d'eau", 'title: "Une fuite : vite"'
    ).replace("2026-01-01", "2026-02-01")
    assert load(root).entries["eau-fuite"].title == "Une fuite : vite"


def test_an_entry_is_added_to_its_department(root: Path) -> None:
    new = typed(
        {
            "id": "eau-prix",
            "title": "Le prix de l'eau",
            "confirm": "le prix de l'eau",
            "department": "eau",
            "examples": ["combien coûte l'eau"],
            "answer": "Quatre euros.",
            "offer": "",
            "keywords": [],
            "priority": "0",
        }
    )
    assert "offer" not in new
    assert "priority" not in new
    save(root, Edit("fr", "eau-prix", None, new))
    assert load(root).entries["eau-prix"].department == "eau"
    assert "department" not in current(root, "eau-prix")
    assert (root / EAU).read_text().startswith(FILES[EAU].rstrip("\n"))
    again = Edit("fr", "eau-prix", None, {**new, "examples": ["autre chose"]})
    with pytest.raises(KnowledgeError, match="existe déjà"):
        save(root, again)


def test_a_department_without_a_file_gets_one(root: Path) -> None:
    (root / EAU).unlink()
    new = {"id": "x", "title": "X", "confirm": "x", "examples": ["x y z"], "answer": "Oui."}
    save(root, Edit("fr", "x", None, {**new, "department": "eau"}))
    assert (root / EAU).read_text().startswith("department: eau\nentries:\n  - id: x\n")
    assert load(root).entries["x"].department == "eau"


def test_the_first_entry_of_a_language_makes_its_folder(root: Path) -> None:
    """Which another user can read as well: Asterisk renders from the same files."""
    german = {"id": "piscine", "title": "Bad", "confirm": "das Bad", "answer": "Ja."}
    made = drafts(root, Edit("de", "piscine", None, {**german, "examples": ["wo ist das bad"]}))
    usual = os.umask(0o077)
    try:
        write_all(root, made)
    finally:
        os.umask(usual)
    assert (root / "faq" / "de").stat().st_mode & 0o777 == 0o755
    assert find(root, "de", "piscine") is not None


def test_a_removed_entry_takes_its_translations_along(root: Path) -> None:
    made = save(root, Edit("fr", "piscine", current(root, "piscine"), None))
    assert [file.relative_to(root).as_posix() for file in made.files] == [
        "faq/en/accueil.yaml",
        "faq/accueil.yaml",
    ]
    assert "piscine" not in load(root).entries


KILLED_BETWEEN = """
import os, signal, sys
from pathlib import Path
from ivr.knowledge import together
from ivr.knowledge.editing import Edit, find, save

root, written = Path(sys.argv[1]), together.replace

def killed_after_the_first_of_the_faq(file, before, content):
    written(file, before, content)
    if file.suffix == ".yaml":
        os.kill(os.getpid(), signal.SIGKILL)

together.replace = killed_after_the_first_of_the_faq
save(root, Edit("fr", "piscine", find(root, "fr", "piscine").data, None))
"""


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_save_killed_between_two_files_is_taken_back(root: Path, by_hand: bool) -> None:
    english, french = root / "faq/en/accueil.yaml", root / "faq/accueil.yaml"
    before = english.read_bytes(), french.read_bytes()
    subprocess.run([sys.executable, "-c", KILLED_BETWEEN, str(root)], check=False, timeout=60)
    assert english.read_bytes() != before[0], "the first was written"
    assert french.read_bytes() == before[1]
    load(root)  # whole in between
    if by_hand:
        english.write_bytes(english.read_bytes() + b"# by hand\n")
        before = english.read_bytes(), before[1]
    Store(root)
    assert (english.read_bytes(), french.read_bytes()) == before
    assert not list(root.glob(".*"))
    save(root, Edit("fr", "piscine", current(root, "piscine"), None))


def test_a_save_of_two_files_of_which_one_fails_changes_neither(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.read_bytes() for file in root.glob("faq/**/*.yaml")}
    calls = []

    def full_at_the_third(file: Path, *contents: Any) -> None:
        calls.append(file)
        if len(calls) == 3:  # the note, one file, the other
            raise IvrError("full")
        replace(file, *contents)

    monkeypatch.setattr("ivr.knowledge.together.replace", full_at_the_third)
    with pytest.raises(IvrError, match="full"):
        save(root, Edit("fr", "piscine", current(root, "piscine"), None))
    assert {file: file.read_bytes() for file in root.glob("faq/**/*.yaml")} == before
    assert not list(root.glob(".*"))


def test_two_people_at_the_same_entry_are_told(root: Path) -> None:
    first, second = edit(root, "eau-fuite", title="A"), edit(root, "eau-fuite", offer="Bien ?")
    save(root, first)
    with pytest.raises(Conflict) as caught:
        save(root, second)
    assert caught.value.current is not None
    assert caught.value.current["title"] == "A"
    put(root / EAU, (root / EAU).read_text().replace("eau-fuite", "eau-autre"))
    with pytest.raises(Conflict) as caught:
        save(root, second)
    assert caught.value.current is None


def test_another_way_of_writing_the_same_is_no_conflict(root: Path) -> None:
    begun = edit(root, "eau-fuite", title="A")
    example = "il y a une fuite dans la rue"
    put(root / EAU, FILES[EAU].replace(f"[{example}]", f"\n      - {example}"))
    save(root, begun)
    assert load(root).entries["eau-fuite"].title == "A"


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"answer": "{{ town.nothing }}"}, "answer", "le fait « nothing » n'existe pas"),
        ({"answer": "{{ ''.__class__ }}"}, "answer", "accès interdit"),
        ({"answer": "{% for a in b"}, "answer", "mal écrit"),
        ({"answer": "mot " * 200}, "answer", "secondes à dire"),
        ({"title": "a" * 301}, "title", "trop long"),
        ({"title": ""}, "title", "vide"),
        ({"valid_until": "2025-01-01"}, "valid_until", "vient avant"),
        ({"valid_from": "demain"}, "valid_from", "une date était attendue"),
        ({"priority": "1000"}, "priority", "trop grand"),
        ({"department": "nulle-part"}, "department", "n'existe pas"),
        ({"examples": ["aller nager"]}, "examples", "est aussi un exemple de « piscine »"),
        ({"examples": []}, "examples", "vide"),
        ({"follow_ups": [{"id": "a", "examples": ["et"], "answer": "{{ x }}"}]}, "follow_ups", "x"),
    ],
)
def test_a_fault_is_told_on_its_field_and_nothing_changes(
    root: Path, fields: dict[str, Any], field: str, message: str
) -> None:
    wrong = edit(root, "eau-fuite", **fields)
    for attempt in (save, verify):
        with pytest.raises(KnowledgeError) as caught:
            attempt(root, wrong)
        found = by_field(drafts(root, wrong)[0], "eau-fuite", caught.value.faults)
        assert list(found) == [field], found
        assert message in found[field][0]
    assert (root / EAU).read_text() == FILES[EAU]


def test_a_missing_field_is_told_on_it(root: Path) -> None:
    wrong = Edit("fr", "neuf", None, {"id": "neuf", "department": "eau", "title": "Neuf"})
    with pytest.raises(KnowledgeError) as caught:
        save(root, wrong)
    found = by_field(drafts(root, wrong)[0], "neuf", caught.value.faults)
    assert set(found) == {"confirm", "examples", "answer"}


def test_a_fault_made_by_hand_elsewhere_is_told_apart(root: Path) -> None:
    put(root / "faq/accueil.yaml", FILES["faq/accueil.yaml"].replace("confirm: la", "confir: la"))
    with pytest.raises(AlreadyBroken, match=r"faq/accueil\.yaml:9: piscine"):
        save(root, edit(root, "eau-fuite", title="A"))
    fixed = {**current(root, "piscine"), "confirm": "la piscine"}
    del fixed["confir"]
    save(root, Edit("fr", "piscine", current(root, "piscine"), fixed))
    assert load(root).entries["piscine"].confirm == "la piscine"


def test_a_folder_that_cannot_be_written_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr.yamledit.os.fsync", full)
    with pytest.raises(IvrError, match="ne peut pas être écrit"):
        save(root, edit(root, "eau-fuite", title="A"))
    assert (root / EAU).read_text() == FILES[EAU]
    assert not list(root.glob("faq/.*"))


# --- history -------------------------------------------------------------------------------------


@pytest.fixture
async def history(root: Path, tmp_path: Path) -> Any:
    database = Database(f"sqlite:///{tmp_path}/calls.sqlite")
    yield History(database, root)
    await database.close()


async def made(history: History, root: Path, one: Edit) -> int:
    return await history.record(save(root, one), "claire", NOW)


async def test_a_change_is_recorded_and_taken_back(history: History, root: Path) -> None:
    number = await made(history, root, edit(root, "eau-fuite", title="A", offer="Bien ?"))
    await made(history, root, edit(root, "eau-fuite", confirm="de l'eau"))
    listed = await history.of("fr", "eau-fuite")
    assert [(one.who, one.file) for one in listed] == [("claire", EAU)] * 2
    changed = differences(from_json(listed[1].before), from_json(listed[1].after))
    assert [(one.field, one.after) for one in changed] == [("title", "A"), ("offer", "Bien ?")]
    change = await history.change(number)
    assert change is not None
    save(root, undoing(root, change))
    expected = FILES[EAU].replace("confirm: une fuite d'eau", "confirm: de l'eau")
    assert (root / EAU).read_text() == expected
    with pytest.raises(UndoRefused, match="de nouveau depuis"):
        undoing(root, change)


@pytest.mark.parametrize("change", [lambda root: edit(root, "eau-fuite", title="B")])
async def test_a_change_that_was_changed_again_stays(
    history: History, root: Path, change: Callable[[Path], Edit]
) -> None:
    number = await made(history, root, edit(root, "eau-fuite", title="A"))
    await made(history, root, change(root))
    first = await history.change(number)
    assert first is not None
    with pytest.raises(UndoRefused, match="annulez d'abord les"):
        undoing(root, first)


async def test_adding_and_removing_are_taken_back(history: History, root: Path) -> None:
    before = current(root, "horaires")
    number = await made(history, root, Edit("fr", "horaires", before, None))
    removal = await history.change(number)
    assert removal is not None
    save(root, undoing(root, removal))
    assert version(current(root, "horaires")) == version(before)
    with pytest.raises(UndoRefused, match="existe de nouveau"):
        undoing(root, removal)
    new = {**before, "id": "n", "examples": ["neuf un"], "department": "eau"}
    number = await made(history, root, Edit("fr", "n", None, new))
    addition = await history.change(number)
    assert addition is not None
    save(root, undoing(root, addition))
    assert find(root, "fr", "n") is None
    with pytest.raises(UndoRefused, match="supprimée depuis"):
        undoing(root, addition)


async def test_a_removed_entry_comes_back_with_its_translations_where_they_were(
    history: History, root: Path
) -> None:
    before, english = current(root, "piscine"), find(root, "en", "piscine")
    assert english is not None
    removal = await history.change(await made(history, root, Edit("fr", "piscine", before, None)))
    assert removal is not None
    [part] = await history.parts(removal.id)
    assert (part.language, part.file, part.after) == ("en", "faq/en/accueil.yaml", None)
    with pytest.raises(UndoRefused, match="annulez d'abord la suppression de la question"):
        undoing(root, part)
    assert await history.notice(written(root, "en"), written(root, "en"), "en", NOW) == 0
    saved = save(root, undoing(root, removal, await history.parts(removal.id)))
    assert (find(root, "en", "piscine"), find(root, "fr", "piscine")) == (
        english, Found(root / "faq/accueil.yaml", before, "accueil"),
    )  # fmt: skip
    await history.record(saved, "claire", NOW, removal.id)
    [back, gone] = await history.of("en", "piscine")
    assert (from_json(back.after), gone.id) == (from_json(part.before), part.id)


async def test_changes_by_hand_are_noticed_once_and_the_consoles_are_not(
    history: History, root: Path
) -> None:
    before = written(root, "fr")
    await made(history, root, edit(root, "horaires", title="A"))
    put(root / EAU, FILES[EAU].replace("Une fuite", "Deux fuites").replace("piscine", "bassin"))
    after = written(root, "fr")
    assert await history.notice(before, after, "fr", NOW) == 1
    assert await history.notice(after, after, "fr", NOW) == 0
    [by_hand] = await history.of("fr", "eau-fuite")
    assert (by_hand.who, by_hand.file) == (BY_HAND, EAU)
    assert [one.who for one in await history.latest()] == ["", "claire"]
