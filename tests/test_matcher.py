"""What utterances mean, by the sample town's knowledge."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ivr.knowledge import Knowledge, load
from ivr.nlu import learner
from ivr.nlu.cache import Cache
from ivr.nlu.match import DIALOGUE_IDS, Context, Decision
from ivr.nlu.matcher import Matcher
from ivr.settings import Settings
from tests.knowledge_folder import write

KNOWLEDGE = Path(__file__).parent.parent / "knowledge"


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load(KNOWLEDGE)


@pytest.fixture(scope="session")
def matcher(knowledge: Knowledge, settings: Settings) -> Matcher:
    return Matcher.load(knowledge, settings.paths.var / "matcher")


@pytest.fixture
def small(tmp_path: Path) -> Knowledge:
    """A knowledge with a few examples, learnt in no time."""
    return load(write(tmp_path / "knowledge"))


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ("Quels sont les horaires d'ouverture de la mairie ?", "horaires-mairie"),
        ("bonjour euh c'est pour refaire ma carte d'identité s'il vous plaît", "carte-identite"),
        ("on m'a volé mon passeport", "titre-perdu"),
        ("il y a un trou énorme devant chez moi", "signaler-voirie"),
        ("les horaires de la déchétris", "decheterie"),
        ("les oeufs d'ouverture de la mairie", "horaires-mairie"),
    ],
)
def test_a_request_is_answered_at_once(matcher: Matcher, said: str, entry: str) -> None:
    match = matcher.match(said)
    assert (match.entry, match.decision) == (entry, Decision.ANSWER)
    assert match.text == said
    assert match.score >= 0.85 > (match.runner_up.score if match.runner_up else 0)


@pytest.mark.parametrize(
    "said",
    [
        "il y a le feu chez mon voisin",
        "ça sent le gaz dans l'immeuble",
        "mon mari ne respire plus",
        "au secours",
        "euh allô oui il y a quelqu'un par terre il saigne",
        "ma fille a avalé des médicaments",
    ],
)
def test_an_emergency_is_never_missed(matcher: Matcher, said: str) -> None:
    assert matcher.match(said).entry == "urgence"
    assert matcher.match(said, Context(expecting="yes-no")).entry == "urgence"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("je veux déclarer mes impôts", "impots"),
        ("do you speak english", "english"),
        ("quel temps fera-t-il demain", None),
    ],
)
def test_what_is_not_for_the_town_hall(matcher: Matcher, said: str, detail: str | None) -> None:
    match = matcher.match(said)
    assert (match.entry, match.detail) == ("hors-sujet", detail)


def test_nobody_is_sent_elsewhere_in_doubt(matcher: Matcher) -> None:
    match = matcher.match("un acte de nez sauce")
    assert (match.entry, match.decision) == ("acte-naissance", Decision.CONFIRM)
    assert match.runner_up is not None


@pytest.mark.parametrize("said", ["le numéro des pompiers", "je suis tombé en panne"])
def test_what_is_no_emergency(matcher: Matcher, said: str) -> None:
    assert matcher.match(said).entry == "hors-sujet"


def test_slower_is_a_kind_of_repeating(matcher: Matcher) -> None:
    match = matcher.match("vous pouvez parler plus lentement")
    assert (match.entry, match.detail) == ("repeter", "slower")


@pytest.mark.parametrize("said", ["", "   ", "…", "euh", "euh… hum"])
def test_no_words_mean_nothing(matcher: Matcher, said: str) -> None:
    match = matcher.match(said)
    assert match.decision is Decision.REJECT
    assert (match.entry, match.score, match.candidates) == (None, 0.0, ())


@pytest.mark.parametrize(
    "said", ["a" * 20_000, "🎉🎉", "x" * 40 + " " + "y" * 40, "\x00\x01 la", "1" * 99]
)
def test_odd_texts_are_no_trouble(matcher: Matcher, said: str) -> None:
    assert len(matcher.match(said).candidates) <= 5


@pytest.mark.parametrize(
    ("said", "entry"),
    [("ouais", "oui"), ("c'est bien ça", "oui"), ("plutôt non", "non"), ("absolument pas", "non")],
)
def test_yes_and_no(matcher: Matcher, said: str, entry: str) -> None:
    assert matcher.match(said, Context(expecting="yes-no")).entry == entry


@pytest.mark.parametrize(
    "said", ["on se voit", "oh, c'est quoi ?", "vous s'évoif", "il y a le son"]
)
def test_what_nobody_understands_is_no_yes(matcher: Matcher, said: str) -> None:
    """Heard of "au revoir" and of "il y a le feu"."""
    assert matcher.match(said, Context(expecting="yes-no")).entry != "oui"


def test_a_request_may_come_instead_of_yes_or_no(matcher: Matcher) -> None:
    said = "non c'est pour un passeport"
    assert matcher.match(said, Context(expecting="yes-no")).entry == "passeport"


def test_a_follow_up_has_its_meaning_in_context_alone(
    matcher: Matcher, knowledge: Knowledge
) -> None:
    entry = knowledge.entries["carte-identite"]
    said = entry.follow_ups[0].examples[0]
    match = matcher.match(said, Context(last_entry=entry.id))
    assert (match.entry, match.follow_up) == (entry.id, entry.follow_ups[0].id)
    assert match.decision is Decision.ANSWER
    assert matcher.match(said).follow_up is None


def test_a_new_request_is_no_follow_up(matcher: Matcher) -> None:
    match = matcher.match("je voudrais un passeport", Context(last_entry="carte-identite"))
    assert (match.entry, match.follow_up) == ("passeport", None)


@pytest.mark.parametrize(
    ("said", "department", "person"),
    [
        ("passez-moi le service urbanisme", "urbanisme", None),
        ("madame Lefèvre s'il vous plaît", "etat-civil", "Sandrine Lefèvre"),
        ("je pourrais parler à karim benna li", "urbanisme", "Karim Benali"),
        ("je voudrais parler à quelqu'un", None, None),
    ],
)
def test_who_is_asked_for(
    matcher: Matcher, said: str, department: str | None, person: str | None
) -> None:
    match = matcher.match(said)
    assert (match.entry, match.department, match.person) == ("operateur", department, person)


def test_two_requests_in_one_sentence(matcher: Matcher) -> None:
    match = matcher.match("les horaires de la mairie et aussi pour une carte d'identité")
    assert {match.entry, match.also} == {"horaires-mairie", "carte-identite"}
    assert match.decision is Decision.ANSWER


def test_one_request_with_an_and(matcher: Matcher) -> None:
    match = matcher.match("mon père et ma mère ont besoin d'une carte d'identité")
    assert (match.entry, match.also) == ("carte-identite", None)


def test_english(matcher: Matcher) -> None:
    assert matcher.match("what time do you open", Context(language="en")).entry == "horaires-mairie"
    assert matcher.match("help there is a fire", Context(language="en")).entry == "urgence"


def test_an_unknown_language_is_matched_in_french(matcher: Matcher) -> None:
    assert matcher.match("un passeport", Context(language="de")).entry == "passeport"


def test_an_entry_is_matched_while_it_is_valid(small: Knowledge) -> None:
    name, entry = next(iter(small.entries.items()))
    limited = entry.model_copy(update={"valid_until": date(2025, 1, 31)})
    matcher = Matcher.load(replace(small, entries={**small.entries, name: limited}))
    found = matcher.match(entry.examples[0], day=date(2025, 1, 31)).candidates
    assert found[0].entry == name
    later = matcher.match(entry.examples[0], day=date(2025, 2, 1))
    assert later.entry != name
    assert found[0].entry not in DIALOGUE_IDS


def test_nothing_known_is_nothing_understood(small: Knowledge) -> None:
    matcher = Matcher.load(replace(small, entries={}, translations={}, topics={}, intents=()))
    assert matcher.match("les horaires de la mairie").decision is Decision.REJECT


def test_what_was_learnt_is_kept(small: Knowledge, tmp_path: Path) -> None:
    said = next(iter(small.entries.values())).examples[0]
    first = Matcher.load(small, tmp_path / "cache").match(said)
    assert Cache(tmp_path / "cache").read("meaning-fr") is not None
    assert Matcher.load(small, tmp_path / "cache").match(said) == first


def test_a_spoilt_cache_is_made_anew(small: Knowledge, tmp_path: Path) -> None:
    said = next(iter(small.entries.values())).examples[0]
    first = Matcher.load(small, tmp_path / "cache").match(said)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    assert Matcher.load(small, tmp_path / "cache").match(said) == first


def test_the_cache_runs_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", rows=np.array([{}], dtype=object))
    assert Cache(tmp_path).read("evil") is None


def test_the_cache_is_of_one_knowledge(small: Knowledge, tmp_path: Path) -> None:
    Matcher.load(small, tmp_path / "cache")
    name, entry = next(iter(small.entries.items()))
    new = entry.model_copy(update={"examples": (*entry.examples, "mon ornithorynque est bleu")})
    edited = Matcher.load(replace(small, entries={**small.entries, name: new}), tmp_path / "cache")
    assert edited.match("mon ornithorynque est bleu").candidates[0].entry == name


def test_an_edit_is_learnt_without_the_rest(
    matcher: Matcher, knowledge: Knowledge, settings: Settings, tmp_path: Path
) -> None:
    kept = Cache(shutil.copytree(settings.paths.var / "matcher", tmp_path / "cache"))
    Matcher.load(knowledge, tmp_path / "cache")  # what is kept may be of a knowledge since edited
    edits_before = kept.read("learnt-fr")["changes"]  # type: ignore[index]
    name, entry = "decheterie", knowledge.entries["decheterie"]
    examples = (*entry.examples[1:], "mon ornithorynque est bleu")
    new = entry.model_copy(update={"examples": examples})
    edited = replace(knowledge, entries={**knowledge.entries, name: new})
    adapted = Matcher.load(edited, tmp_path / "cache")
    assert kept.read("learnt-fr")["changes"] == edits_before + 2  # type: ignore[index]
    assert adapted.match("mon ornithorynque est bleu").entry == name
    assert matcher.match("mon ornithorynque est bleu").entry != name
    for said in ("la déchetterie est ouverte demain", "on m'a volé mon passeport"):
        before, after = matcher.match(said), adapted.match(said)
        assert (before.entry, before.decision) == (after.entry, after.decision)
        assert after.score == pytest.approx(before.score, abs=0.02)


def test_many_edits_are_learnt_as_from_nothing(small: Knowledge, tmp_path: Path) -> None:
    Matcher.load(small, tmp_path / "cache")
    entries = {
        name: one.model_copy(update={"examples": one.examples[1:]})
        for name, one in small.entries.items()
    }
    edited = replace(small, entries=entries)
    said = next(iter(entries.values())).examples[0]
    adapted = Matcher.load(edited, tmp_path / "cache").match(said)
    anew = Matcher.load(edited).match(said)
    assert [one.entry for one in adapted.candidates] == [one.entry for one in anew.candidates]
    assert adapted.score == pytest.approx(anew.score, abs=0.001)
    assert Cache(tmp_path / "cache").read("learnt-fr")["changes"] == 0  # type: ignore[index]


def test_more_than_fits_is_learnt_with_fewer_points(
    small: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learner, "MOST", 0)
    matcher = Matcher.load(small)
    for name, entry in small.entries.items():
        assert matcher.match(entry.examples[0]).candidates[0].entry == name
    assert matcher.strays() == []


def test_strays_are_examples_that_point_elsewhere(matcher: Matcher, knowledge: Knowledge) -> None:
    strays = matcher.strays()
    assert all(one.found != one.example.id for one in strays)
    examples = sum(len(entry.examples) for entry in knowledge.entries.values())
    assert 0 < len(strays) < 0.05 * examples


def test_what_else_may_have_been_said_counts_too(matcher: Matcher) -> None:
    first, other = "je voudrais pas se porter", "je voudrais un passeport"
    alone, both = matcher.match(first), matcher.match(first, Context(others=(other,)))
    assert alone.entry != "passeport"
    assert (both.entry, both.text) == ("passeport", first)
    same = matcher.match(other, Context(others=(other, "", other)))
    assert same.score == pytest.approx(matcher.match(other).score, abs=1e-4)


def test_a_cry_for_help_is_no_request_for_money(matcher: Matcher) -> None:
    assert [matcher.match(said).entry for said in ("Un secours.", "Secours !")] == ["urgence"] * 2
