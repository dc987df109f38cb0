"""New examples come into the files that people edit, and nothing else changes there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.knowledge import Knowledge, load, saving
from ivr.knowledge.check import check
from ivr.learning.addition import add
from tests.knowledge_folder import FILES, put, write
from tests.test_yamledit import only_added

EAU = "faq/eau.yaml"


@pytest.fixture
def town(tmp_path: Path) -> Knowledge:
    return load(write(tmp_path / "knowledge"))


def test_examples_are_added_after_the_checks(town: Knowledge) -> None:
    file = town.root / EAU
    file.chmod(0o640)
    put(
        file, FILES[EAU].replace("[il y a une fuite dans la rue]", "\n      - fuite dans la rue #x")
    )
    town = load(town.root)
    before = file.read_text()
    new = ["l'eau coule sur le trottoir", "le trottoir : l'eau y jaillit"]
    others = ["la rue dans fuite", "l'eau coule sur le trottoirs", "aller nager"]
    added = add(town, "fr", "eau-fuite", [*new, *others])
    assert added.texts == tuple(new)
    assert [(one.text, one.like, one.owner) for one in added.skipped] == [
        ("la rue dans fuite", "fuite dans la rue", "eau-fuite"),
        ("l'eau coule sur le trottoirs", new[0], "eau-fuite"),
        ("aller nager", "aller nager", "piscine"),
    ]
    assert len(only_added(before, file.read_text())) == 2
    assert load(town.root).entries["eau-fuite"].examples[-2:] == tuple(new)
    assert file.stat().st_mode & 0o777 == 0o640
    assert not list(file.parent.glob(".*"))
    assert check(load(town.root)) == []


def unchanged(town: Knowledge, texts: Sequence[str], error: str) -> None:
    """Adding is refused with an error, and leaves every file as it was."""
    files = {path: path.read_bytes() for path in town.root.rglob("*.yaml")}
    with pytest.raises(IvrError, match=error):
        add(town, "fr", "eau-fuite", texts)
    assert {path: path.read_bytes() for path in town.root.rglob("*") if path.is_file()} == files


def test_a_new_fault_is_refused(town: Knowledge) -> None:
    clash = "bonjour je voudrais savoir pour les piscines municipales"
    unchanged(town, ["un robinet", clash], rf"{town.root}/{EAU}:6: eau-fuite: « {clash} » ne diff")
    unchanged(town, ["a" * 301], rf"{town.root}/{EAU}:6: eau-fuite: .*trop long")


def test_a_fault_that_was_there_before_is_no_hindrance(town: Knowledge) -> None:
    put(town.root / EAU, FILES[EAU].replace("il y a une fuite dans la rue", "Aller nager !"))
    town = load(town.root)
    assert len(check(town)) == 1
    assert add(town, "fr", "eau-fuite", ["un robinet qui coule"]).texts


def test_a_file_that_changes_meanwhile_is_left_alone(
    town: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = town.root / EAU

    def checked(root: Path) -> Knowledge:
        put(file, FILES[EAU] + "# une main passe\n")
        return load(root)

    monkeypatch.setattr(saving, "load", checked)
    with pytest.raises(IvrError, match="vient d'être modifié"):
        add(town, "fr", "eau-fuite", ["un robinet qui coule"])
    assert file.read_text() == FILES[EAU] + "# une main passe\n"
    assert not list(file.parent.glob(".*"))


def test_an_edit_after_loading_is_seen(town: Knowledge) -> None:
    put(town.root / EAU, FILES[EAU].replace("eau-fuite", "eau-coupure"))
    unchanged(town, ["un robinet qui coule"], "vient de changer")
    put(town.root / EAU, b"\xe9")
    unchanged(town, ["un robinet qui coule"], "ne peut pas être lu")
