"""New examples come into the files that people edit, and nothing else changes there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.errors import IvrError
from ivr.knowledge import Knowledge, load
from ivr.knowledge.check import check
from ivr.knowledge.entries import Source
from ivr.learning import addition
from ivr.learning.addition import add, extended
from tests.knowledge_folder import FILES, put, write

ROOT = Path(__file__).parents[1]
EAU = "faq/eau.yaml"


@pytest.fixture
def town(tmp_path: Path) -> Knowledge:
    return load(write(tmp_path / "knowledge"))


def only_added(before: str, after: str) -> list[str]:
    """The lines added; fails when a line was changed or removed."""
    marks = list(difflib.ndiff(before.splitlines(True), after.splitlines(True)))
    assert not [line for line in marks if line.startswith(("-", "?"))]
    return [line[2:] for line in marks if line.startswith("+")]


def test_the_sample_files_keep_every_line(tmp_path: Path) -> None:
    knowledge = load(ROOT / "knowledge")
    last = {source.file: (name, source) for (_, name), source in knowledge.sources.items()}
    for file, (entry, source) in last.items():
        text = file.read_text(encoding="utf-8")
        after = extended(source, entry, text, ["une phrase toute neuve", "une : autre"])
        assert len(only_added(text, after)) == 2


HAND = """\
# Écrit à la main.
department: eau   # le service
entries:

  - id: un
    examples:   # comme on parle
    - 'l''eau'   # cité
    # la fin
    title: "Un"
  -   id: deux
      examples:
          - >-
              une longue
              phrase 😀
          - l'été, c'est
            fini

      title: 'Deux'
  - {id: trois, examples: [a b, "c"], title: Trois}
  - id: quatre
    examples: [
      un mot, deux mots,   # et plus
      trois mots,
    ]
"""


def by_hand(index: int, entry: str, *new: str, text: str = HAND) -> str:
    return extended(Source(Path("eau.yaml"), index, 1), entry, text, new)


@pytest.mark.parametrize(
    ("index", "entry", "lines"),
    [
        (0, "un", ["    - 'c''est: ça'\n", "    - 'et l''eau'\n"]),
        (1, "deux", ['          - "c\'est: ça"\n', "          - et l'eau\n"]),
        (3, "quatre", ['      "c\'est: ça",\n', "      et l'eau,\n"]),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_file_edited_by_hand_keeps_every_byte(
    index: int, entry: str, lines: Sequence[str], newline: str, bom: str
) -> None:
    text = bom + HAND.replace("\n", newline)
    after = by_hand(index, entry, "c'est: ça", "et l'eau", text=text)
    assert only_added(text, after) == [line.replace("\n", newline) for line in lines]


def test_a_list_on_one_line_grows_on_that_line() -> None:
    after = by_hand(2, "trois", "d, e")
    assert after == HAND.replace('[a b, "c"]', '[a b, "c", "d, e"]')


def test_a_file_without_a_last_newline_grows() -> None:
    text = "entries:\n  - id: un\n    examples:\n      - a"
    assert by_hand(0, "un", "b", text=text) == text + "\n      - b"


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("entries:\n- id: un\n  examples: &e [a]\n- {id: deux, examples: *e}\n", "un"),
        ("entries:\n- id: un\n  examples:\n  -\n    a\n", "un"),
        ("entries:\n- id: deux\n  examples: [a]\n", "un"),
        ("entries: []\n", "un"),
    ],
)
def test_what_cannot_be_extended_safely_is_refused(text: str, entry: str) -> None:
    with pytest.raises(IvrError, match=r"eau\.yaml:1: un : "):
        by_hand(0, entry, "b", text=text)


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

    monkeypatch.setattr(addition, "load", checked)
    with pytest.raises(IvrError, match="vient d'être modifié"):
        add(town, "fr", "eau-fuite", ["un robinet qui coule"])
    assert file.read_text() == FILES[EAU] + "# une main passe\n"
    assert not list(file.parent.glob(".*"))


def test_an_edit_after_loading_is_seen(town: Knowledge) -> None:
    put(town.root / EAU, FILES[EAU].replace("eau-fuite", "eau-coupure"))
    unchanged(town, ["un robinet qui coule"], "vient de changer")
    put(town.root / EAU, b"\xe9")
    unchanged(town, ["un robinet qui coule"], "ne peut pas être lu")
