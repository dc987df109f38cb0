"""Figures of the matcher, and the targets it must reach on lines its knowledge has not seen."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from ivr.errors import IvrError, KnowledgeError
from ivr.evaluation import report as telephone
from ivr.evaluation.audio import Heard, hear
from ivr.knowledge import load
from ivr.nlu.evaluate import Line, Report, evaluate, read_lines, sample
from ivr.nlu.match import Context
from ivr.nlu.matcher import Matcher
from ivr.settings import Settings
from tests.knowledge_folder import write

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def town(settings: Settings) -> Matcher:
    """The matcher of the sample town's knowledge."""
    return Matcher.load(load(HERE.parent / "knowledge"), settings.paths.var / "matcher")


@pytest.fixture(scope="session")
def unseen(town: Matcher) -> Report:
    """How well the lines of ``evaluation/`` are matched by the sample town's knowledge."""
    return evaluate(town, read_lines(HERE / "evaluation" / "unseen.yaml"))


@pytest.mark.parametrize("style", ["direct", "polite", "hesitating", "non-native"])
def test_plain_requests_are_right_first(unseen: Report, style: str) -> None:
    assert unseen.styles[style].top1 >= 0.92


@pytest.mark.parametrize("style", ["story", "indirect"])
def test_stories_are_mostly_right_first(unseen: Report, style: str) -> None:
    assert unseen.styles[style].top1 >= 0.75


def test_what_is_answered_at_once_is_right(unseen: Report) -> None:
    assert unseen.overall.precision >= 0.98
    assert unseen.overall.answered >= 0.60
    assert unseen.overall.top2 >= 0.92


def test_off_topic_is_not_answered(unseen: Report) -> None:
    assert unseen.overall.false_accepts <= 0.03


def test_no_emergency_is_missed(unseen: Report) -> None:
    assert unseen.entries["urgence"].top1 == 1.0


def test_what_is_asked_after_an_answer_is_answered_in_its_context(town: Matcher) -> None:
    lines = yaml.safe_load((HERE / "evaluation" / "follow-ups.yaml").read_text())
    wrong = []
    for line in lines:
        match = town.match(line["text"], Context(last_entry=line["after"]))
        if (match.entry, match.follow_up) != (line["after"], line["expect"]):
            wrong.append((line, match.entry, match.follow_up))
    assert len(wrong) <= 0.15 * len(lines), wrong


def test_other_requests_are_no_follow_ups(town: Matcher) -> None:
    lines = read_lines(HERE / "evaluation" / "unseen.yaml")
    taken = [
        line.text
        for line, after in zip(
            lines, cycle(("passeport", "piscine", "cantine", "decheterie")), strict=False
        )
        if line.expect != after
        and town.match(line.text, Context(last_entry=after)).follow_up
        and town.match(line.text).entry == line.expect
    ]
    assert len(taken) <= 0.01 * len(lines), taken


def test_what_is_surely_something_else_is_no_follow_up(town: Matcher) -> None:
    match = town.match("quel est le numéro de la préfecture", Context(last_entry="piscine"))
    assert (match.entry, match.follow_up) == ("hors-sujet", None)


def test_what_is_said_to_a_question_of_yes_or_no(town: Matcher) -> None:
    report = evaluate(town, read_lines(HERE / "evaluation" / "answers.yaml"))
    assert report.overall.false_yes == 0
    assert report.overall.top1 >= 0.95, report.confusions


@pytest.mark.parametrize("name", ["first", "unseen"])
def test_the_lines_are_not_in_the_knowledge(name: str) -> None:
    knowledge = load(HERE.parent / "knowledge")
    known = {text for entry in knowledge.entries.values() for text in entry.examples}
    lines = read_lines(HERE / "evaluation" / f"{name}.yaml")
    shared = [line.text for line in lines if line.text in known]
    assert len(shared) <= 0.02 * len(lines), shared  # the shortest requests have one wording


def test_the_report(tmp_path: Path) -> None:
    knowledge = load(write(tmp_path / "knowledge"))
    name, entry = next(iter(knowledge.entries.items()))
    lines = [Line(entry.examples[0], name, "direct"), Line("zzz", "hors-sujet")]
    report = evaluate(Matcher.load(knowledge), lines)
    data = report.as_json()
    for key in ("top1", "top2", "answered", "precision", "false_accepts", "confusions", "entries"):
        assert key in data
    assert data["lines"] == 2
    assert report.entries[name].top1 == 1.0
    assert report.styles.keys() == {"direct"}
    assert name in report.as_text()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "une liste"),
        ("text: bonjour", "une liste"),
        ("- {text: bonjour}", "expect"),
        ("- {text: oui, expect: oui}\n- bonjour", "2"),
        ("- {text: [a], expect: oui}", "text"),
        ("- {text: 'a'", "fermée"),
        ("- {text: a, expect: oui, expecting: [b]}", "l'un de : request, yes-no"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "lines.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=fault):
        read_lines(file)


def test_an_unknown_id_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "lines.yaml"
    file.write_text("- {text: bonjour, expect: oui}\n- {text: ici, expect: pissine}\n", "utf-8")
    with pytest.raises(KnowledgeError, match=r":2: .*« pissine » ; vouliez-vous dire « piscine »"):
        read_lines(file, ["piscine", "passeport"])


@pytest.mark.parametrize("limit", [1, 3, 10, None])
def test_a_sample_is_even(limit: int | None) -> None:
    lines = [Line(str(n), "oui") for n in range(9)]
    some = sample(lines, limit)
    assert len(some) == min(9, limit or 9)
    if limit == 3:
        assert [line.text for line in some] == ["0", "3", "6"]


def test_the_report_on_the_telephone(tmp_path: Path) -> None:
    knowledge = load(write(tmp_path / "knowledge"))
    name, entry = next(iter(knowledge.entries.items()))
    said, lost = Line(entry.examples[0], name, "direct"), Line("<b>un mot</b>", name, "direct")
    heard = [
        Heard(said, "ff_siwis", said.text, "", 0.9),
        Heard(said, "im_nicola", "", "et après", 0.0),
        Heard(lost, "im_nicola", "<i>autre chose</i>", "", 0.4),
    ]
    report = telephone.compare(Matcher.load(knowledge), heard)
    assert report.as_json()["top1"] == report.spoken.overall.top1
    assert report.written.entries[name].top1 >= report.spoken.entries[name].top1
    assert report.voices.keys() == {"ff_siwis", "im_nicola"}
    assert report.cut == pytest.approx(1 / 3, abs=0.001)
    assert report.failures[0].heard.text == ""
    page = report.as_html()
    assert "&lt;b&gt;un mot" in page
    assert "<i>" not in page
    assert "http" not in page
    assert "mots mal reconnus" in report.as_text()
    telephone.write(page, tmp_path / "report.html")
    with pytest.raises(IvrError, match="cannot be written"):
        telephone.write(page, tmp_path)


def test_wrong_words_are_counted() -> None:
    line = Line("Euh, je voudrais 2 passeports.", "passeport")
    heard = Heard(line, "ff_siwis", "Je voudrais deux passes", "pour", 1.0)
    assert (heard.words, heard.wrong_words) == (4, 2)


@pytest.mark.speech
async def test_lines_are_spoken_and_heard(settings: Settings) -> None:
    line = Line("Je voudrais prendre un rendez-vous pour un passeport.", "passeport")
    told: list[tuple[int, int]] = []
    (heard,) = await hear(
        settings, [line], voices=["ff_siwis"], progress=lambda *done: told.append(done)
    )
    assert "passeport" in heard.text.lower()
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "au revoir",
        "merci au revoir",
        "bon tant pis",
        "laissez tomber",
        "oui au revoir",
        "non merci au revoir",
        "c'est bon merci",
        "et c'est où",
        "et combien ça coûte",
    ],
)
def test_what_is_no_yes_is_none_after_a_question_either(town: Matcher, text: str) -> None:
    assert town.match(text, Context(expecting="yes-no")).entry != "oui"


@pytest.mark.parametrize("text", ["ouais", "c'est ça", "oui quand vous voulez", "d'accord"])
def test_a_yes_is_one(town: Matcher, text: str) -> None:
    assert town.match(text, Context(expecting="yes-no")).entry == "oui"


def test_an_emergency_is_no_follow_up(town: Matcher) -> None:
    said = "mon barbecue a pris feu"
    assert town.match(said, Context(last_entry="nuisances")).entry == "urgence"
