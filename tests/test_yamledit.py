"""YAML files are changed in one place, and every other byte stays."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import IvrError, KnowledgeError
from ivr.yamledit import EditRefused, FileChanged, replace, rewritten
from ivr.yamlfile import parse
from ivr.yamltext import document, normal

ROOT = Path(__file__).parents[1]
FILE = Path("eau.yaml")


def changed(text: str, change: Callable[[Any], None]) -> str:
    data = parse(FILE, text).data
    change(data)
    return rewritten(FILE, text, data)


def only_added(before: str, after: str) -> list[str]:
    """The lines added; fails when a line was changed or removed."""
    marks = list(difflib.ndiff(before.splitlines(True), after.splitlines(True)))
    assert not [line for line in marks if line.startswith(("-", "?"))]
    return [line[2:] for line in marks if line.startswith("+")]


def differences(before: str, after: str) -> list[str]:
    """The lines that differ, with their signs."""
    marks = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    return [line for line in marks if line.startswith(("-", "+"))]


FAQ = sorted((ROOT / "knowledge" / "faq").glob("**/*.yaml"))


@pytest.mark.parametrize("file", FAQ, ids=lambda file: file.stem)
def test_the_sample_files_keep_every_line(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    def change(data: Any) -> None:
        for entry in data["entries"]:
            entry["examples"] += ["une phrase toute neuve", "une : autre"]

    count = len(parse(file, text).data["entries"])
    assert len(only_added(text, changed(text, change))) == 2 * count


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


def extended(text: str, index: int, *new: str) -> str:
    return changed(text, lambda data: data["entries"][index]["examples"].extend(new))


@pytest.mark.parametrize(
    ("index", "lines"),
    [
        (0, ["    - 'c''est: ça'\n", "    - 'et l''eau'\n"]),
        (1, ['          - "c\'est: ça"\n', "          - et l'eau\n"]),
        (3, ['      "c\'est: ça",\n', "      et l'eau,\n"]),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_list_written_by_hand_grows_and_keeps_every_byte(
    index: int, lines: list[str], newline: str, bom: str
) -> None:
    text = HAND.replace("\n", newline)
    after = extended(text, index, "c'est: ça", "et l'eau")
    assert bom + after == rewritten(FILE, bom + text, parse(FILE, after).data)
    if index == 3:
        lines = ['      "c\'est: ça",\n', "      et l'eau,\n"]
    assert only_added(text, after) == [line.replace("\n", newline) for line in lines]


def test_a_list_on_one_line_grows_on_that_line() -> None:
    assert extended(HAND, 2, "d, e") == HAND.replace('[a b, "c"]', '[a b, "c", "d, e"]')


def test_a_file_without_a_last_newline_grows() -> None:
    text = "entries:\n  - id: un\n    examples:\n      - a"
    assert extended(text, 0, "b") == text + "\n      - b"


def test_scalars_change_where_they_stand() -> None:
    def change(data: Any) -> None:
        data["department"] = "voirie"
        data["entries"][0]["title"] = "L'un : ici"
        data["entries"][1]["examples"][0] = "court"
        data["entries"][2]["title"] = "non, 3"

    assert differences(HAND, changed(HAND, change)) == [
        "-department: eau   # le service",
        "+department: voirie   # le service",
        '-    title: "Un"',
        '+    title: "L\'un : ici"',
        "-          - >-",
        "-              une longue",
        "-              phrase 😀",
        "+          - court",
        '-  - {id: trois, examples: [a b, "c"], title: Trois}',
        '+  - {id: trois, examples: [a b, "c"], title: "non, 3"}',
    ]


def test_long_texts_are_folded_and_lines_are_kept() -> None:
    long = "Une réponse assez longue pour ne pas tenir sur une seule ligne du fichier, " * 3

    def change(data: Any) -> None:
        data["entries"][0]["answer"] = long.strip()
        data["entries"][0]["offer"] = "{% if a %}\n\noui\n{% endif %}"
        data["entries"][0]["priority"] = 3
        data["entries"][0]["valid_from"] = date(2027, 1, 2)
        data["entries"][0]["extension"] = "101"

    after = changed(HAND, change)
    added = only_added(HAND, after)
    assert added[0] == "    answer: >-\n"
    assert max(map(len, added)) <= 101
    assert '    extension: "101"\n' in added
    assert "    priority: 3\n" in added
    assert "    valid_from: 2027-01-02\n" in added
    assert "    offer: |-\n" in added


def test_keys_and_items_are_removed_with_their_lines() -> None:
    def change(data: Any) -> None:
        del data["entries"][0]["title"]
        del data["entries"][1]
        del data["entries"][1]["examples"][0]
        del data["entries"][2]["examples"][2]

    removed = differences(HAND, changed(HAND, change))
    assert removed[0] == '-    title: "Un"'
    assert "-  -   id: deux" in removed
    assert '+  - {id: trois, examples: ["c"], title: Trois}' in removed
    assert removed[-2:] == ["-      trois mots,", "+      un mot, deux mots,"]
    assert "    # la fin\n" in changed(HAND, change)


def test_new_entries_stand_where_they_are_put_and_apart_when_the_others_do() -> None:
    text = "entries:\n\n  - id: a\n    title: A\n\n  # à propos de b\n  - id: b\n    title: B\n"
    new = {"id": "n", "title": "N", "examples": ["une", "deux"]}
    after = changed(text, lambda data: data["entries"].insert(1, new))
    block = "\n  - id: n\n    title: N\n    examples: [une, deux]\n"
    assert after == text.replace("    title: A\n", "    title: A\n" + block)
    first = changed(text, lambda data: data["entries"].insert(0, new))
    assert first.startswith("entries:\n\n  - id: n\n")
    assert changed(after, lambda data: data["entries"].pop(1)) == text


ANCHORS = """\
schedules:
  mairie: &m   # la mairie
    monday: ["08:30-12:00"]   # matin
    friday: ["08:30-12:00"]
  eau: *m
"""


def test_what_refers_to_a_changed_value_keeps_its_own() -> None:
    after = changed(ANCHORS, lambda data: data["schedules"]["mairie"].pop("friday"))
    assert differences(ANCHORS, after) == [
        '-    friday: ["08:30-12:00"]',
        "-  eau: *m",
        "+  eau:",
        "+    monday: [08:30-12:00]",
        "+    friday: [08:30-12:00]",
    ]

    def both(data: Any) -> None:
        for name in ("mairie", "eau"):
            data["schedules"][name]["monday"] = ["09:00-12:00"]

    after = changed(ANCHORS, both)
    assert after == ANCHORS.replace('y: ["08:30-12:00"]   # m', 'y: ["09:00-12:00"]   # m')
    after = changed(ANCHORS, lambda data: data["schedules"].update(eau={"monday": ["10:00-11:00"]}))
    assert parse(FILE, after).data["schedules"]["mairie"]["monday"] == ["08:30-12:00"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a:\n-\n  b\n", {"a": ["b", "c"]}),
        ("a: &x 1\nb: *x\n", {"b": "1"}),
        ("- a\n", []),
        ("", {"a": "b"}),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(text: str, wanted: Any) -> None:
    with pytest.raises(EditRefused, match=r"eau\.yaml est écrit d'une façon"):
        rewritten(FILE, text, wanted)


def test_a_broken_file_is_named_with_its_line() -> None:
    with pytest.raises(KnowledgeError, match=r"eau\.yaml:2: une tabulation"):
        rewritten(FILE, "a: b\n\tc: d\n", {"a": "c"})


words = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), max_size=30) | st.text(
    "ab :#-'\"\n[]{},&*!|>%@`?~", max_size=120
)
values = st.recursive(
    words | st.none() | st.integers(-9, 9) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words.filter(bool), inner, max_size=4)
    ),
    max_leaves=12,
)
mappings = st.dictionaries(st.sampled_from("abcde"), values, min_size=1)


@settings(max_examples=150)
@given(mappings, mappings)
def test_any_data_becomes_any_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    text = "# en tête\n" + document(before)
    assert parse(FILE, text).data == normal(before)
    try:
        result = rewritten(FILE, text, after)
    except EditRefused:
        assert not set(before) & set(after)  # nothing to hold on to
        return
    assert parse(FILE, result).data == normal(after)
    assert result.startswith("# en tête\n")


def test_a_file_is_replaced_whole_and_only_when_it_is_still_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    replace(file, None, b"a")
    file.chmod(0o640)
    replace(file, b"a", b"b")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"b", 0o640)
    for before in (b"a", None):
        with pytest.raises(FileChanged, match=r"a\.yaml vient d'être modifié par quelqu'un"):
            replace(file, before, b"c")
    with pytest.raises(IvrError, match="ne peut pas être écrit"):
        replace(tmp_path / "none" / "a.yaml", None, b"a")
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == b"b"
