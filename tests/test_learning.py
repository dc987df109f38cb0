"""What callers said becomes examples: from a real call log into real knowledge files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.calllog.database import Database
from ivr.calllog.log import CallEnd, CallLog, TurnRecord
from ivr.errors import IvrError
from ivr.events import CallerId, CallStarted
from ivr.knowledge import Knowledge, load
from ivr.learning.commands import Wanted, suggest
from ivr.learning.example import MASK, as_example, key
from ivr.learning.gather import Missed, decide, gather, missed_in
from ivr.learning.group import Because
from ivr.learning.groups import groups
from ivr.nlu.features import Encoder
from ivr.nlu.matcher import Matcher
from tests.knowledge_folder import write

ROOT = Path(__file__).parents[1]
NOW = datetime.now(UTC)
EAU = "faq/eau.yaml"


# --- what a caller said as an example ------------------------------------------------------------


@pytest.mark.parametrize(
    ("heard", "example"),
    [
        ("Bonjour, c'est pour l'eau !", "bonjour c'est pour l'eau"),
        ("Rappelez-moi au 06 12 34 56 78, merci.", f"rappelez-moi au {MASK} merci"),
        ("mon numéro : +33 6.12.34.56.78", f"mon numéro {MASK}"),
        ("le dossier 20264 du 12/04/1950", f"le dossier {MASK} du {MASK}"),
        ("écrivez à jean@exemple.fr", f"écrivez à {MASK}"),
        ("c'est le zéro six douze trente-quatre cinquante et un huit", f"c'est le {MASK}"),
        ("née en mille neuf cent quarante", f"née en {MASK}"),
        ("deux cent euros, à 14h30 ou 12,50 €", "deux cent euros à 14h30 ou 12,50 €"),
        ("l’école d'à-côté", "l'école d'à-côté"),
        ("06 12 34 56 78", ""),
        ("…", ""),
    ],
)
def test_an_example_is_plain_and_nobodys_own(heard: str, example: str) -> None:
    assert as_example(heard) == example


# --- what was missed in a call -------------------------------------------------------------------


def heard(text: str, about: str, notes: str = "", decision: str = "answer") -> TurnRecord:
    return TurnRecord(NOW, "heard", text, about=about, notes=notes, decision=decision)


def keyed(about: str, notes: str = "") -> TurnRecord:
    return TurnRecord(NOW, "keyed", "2", about=about, notes=notes)


OPENED = TurnRecord(NOW, "opened", about="greeting.open")
CALLED_BACK = TurnRecord(NOW, "callback-taken", "4711", about="callback.taken more")


def missed(*turns: TurnRecord, department: str | None = None) -> list[tuple[object, ...]]:
    """Text, what was refused, what came next."""
    found = missed_in("1.1", [OPENED, *turns], department)
    return [(one.text, one.refused, one.entry, one.department) for one in found]


def test_what_was_rejected_and_what_the_caller_confirmed_next() -> None:
    assert missed(
        heard("le bassin municipal", "reprompt.not-understood", "rejected", "reject"),
        heard("la piscine", "confirm", decision="confirm"),
        heard("oui", "faq:piscine more", "confirmed:piscine answered:piscine"),
    ) == [("le bassin municipal", None, "piscine", None)]


def test_a_refused_confirmation_is_about_the_words_before_it() -> None:
    assert missed(
        heard("le machin de l'eau", "confirm", decision="confirm"),
        heard("hum", "reprompt.noise", decision=""),
        heard("non", "reprompt.confirm-no", "corrected:piscine"),
        heard("une fuite", "faq:eau-fuite more", "answered:eau-fuite"),
    ) == [("le machin de l'eau", "piscine", "eau-fuite", None)]


def test_a_refusal_by_key_and_one_of_two_choices() -> None:
    assert missed(
        heard("nager", "confirm", decision="confirm"),
        keyed("reprompt.confirm-no", "corrected:horaires"),
        heard("le bassin", "choose choose.first choose.second", decision="choose"),
        heard("ni l'un ni l'autre", "help.menu", "corrected"),
        department="accueil",
    ) == [("nager", "horaires", None, "accueil"), ("le bassin", None, None, "accueil")]


def test_a_wrong_answer_is_never_what_came_next() -> None:
    assert missed(
        heard("blabla", "reprompt.not-understood", "rejected", "reject"),
        heard("l'eau du bassin", "faq:eau-fuite offer:eau-fuite", "answered:eau-fuite"),
        heard("non c'est pas ça", "reprompt.answer-wrong", "corrected:eau-fuite"),
        heard("la piscine", "faq:piscine more", "answered:piscine"),
    ) == [
        ("blabla", None, "piscine", None),
        ("l'eau du bassin", "eau-fuite", "piscine", None),
    ]


def test_a_confirmed_answer_that_was_wrong_is_about_the_request() -> None:
    assert missed(
        heard("le bassin", "confirm", decision="confirm"),
        heard("oui", "faq:eau-fuite more", "confirmed:eau-fuite answered:eau-fuite"),
        heard("ah non pas du tout", "reprompt.answer-wrong", "corrected:eau-fuite"),
    ) == [("le bassin", "eau-fuite", None, None)]


def test_the_third_misunderstanding_in_a_row_counts_without_a_note() -> None:
    said = heard("zigomar", "help.person", decision="reject")
    assert missed(said, department="accueil") == [("zigomar", None, None, "accueil")]


def test_a_no_where_nothing_was_asked_is_no_request() -> None:
    said = heard("non merci", "reprompt.not-understood", "rejected")
    assert missed(replace(said, entry="non")) == []
    assert len(missed(replace(said, entry="hors-sujet"))) == 1


def test_what_is_called_out_of_scope_counts_unless_somebody_wrote_about_it() -> None:
    assert missed(
        heard("la carte grise", "out-of-scope:carte-grise more"),
        heard("un cours de tango", "out-of-scope more"),
    ) == [("un cours de tango", None, None, None)]


def test_numbers_and_moments_of_callbacks_are_no_requests() -> None:
    assert (
        missed(
            heard("rappelez-moi", "callback.number"),
            heard("vous l'avez non", "callback.number-again", decision="reject"),
            heard("euh chez moi", "help.person", decision="reject"),
            CALLED_BACK,
        )
        == []
    )


def test_the_language_is_that_of_the_moment() -> None:
    turns = [
        heard("zigomar", "reprompt.not-understood", "rejected", "reject"),
        heard("english please", "greeting.language", "language:en"),
        heard("gobbledygook", "reprompt.not-understood", "rejected", "reject"),
        CALLED_BACK,
    ]
    found = list(missed_in("1.1", turns, "eau"))
    assert [(one.text, one.language) for one in found] == [
        ("zigomar", "fr"),
        ("gobbledygook", "en"),
    ]
    assert {(one.department, one.callback) for one in found} == {("eau", True)}


def test_what_an_operator_corrected_is_the_last_thing_that_was_understood() -> None:
    turns = [
        OPENED,
        replace(heard("la mairie ouvre quand", "faq:horaires more"), entry="horaires"),
        replace(heard("la piscine de mon jardin", "confirm", decision="confirm"), entry="piscine"),
        heard("oui", "faq:piscine more", "confirmed:piscine answered:piscine"),
        replace(heard("passez-moi quelqu'un", "transfer"), entry="operateur"),
    ]
    assert not list(missed_in("1.1", turns, "culture-sports")), "all was confirmed"
    (found,) = missed_in("1.1", turns, "culture-sports", corrected=True)
    assert (found.text, found.refused, found.operator) == (
        "la piscine de mon jardin", "piscine", True,
    )  # fmt: skip
    assert (found.entry, found.department) == (None, None), "where it went was wrong"


# --- the call log --------------------------------------------------------------------------------


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(url(tmp_path))
    yield database
    await database.close()


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'calls.sqlite'}"


async def call(
    database: Database, call_id: str, *turns: TurnRecord, days_ago: int = 0, to: str | None = None
) -> None:
    """One call, written as calls are."""
    log, at = CallLog(database), NOW - timedelta(days=days_ago)
    await log.open_call(CallStarted(call_id, CallerId("0612345678"), "0232001000", at))
    for turn in turns:
        await log.add_turn(call_id, turn)
    outcome = ("transferred", "transfer") if to else ("answered", "caller")
    await log.close_call(call_id, CallEnd(at, *outcome, to))


def rejected(text: str) -> TurnRecord:
    return heard(text, "reprompt.not-understood", "rejected", "reject")


async def test_what_is_decided_or_too_old_is_not_gathered(database: Database) -> None:
    await call(database, "1.1", rejected("Le bassin ?"), to="accueil")
    await call(database, "1.2", rejected("le chat perdu"))
    await call(database, "1.3", rejected("hors d'âge"), days_ago=31)
    await call(database, "1.4", heard("la piscine", "faq:piscine more", "answered:piscine"))
    since = NOW - timedelta(days=30)
    assert {one.text for one in await gather(database, since)} == {"le bassin", "le chat perdu"}
    await decide(database, [key("fr", "le bassin")], "taken", NOW, "piscine")
    await decide(database, [key("fr", "le bassin")], "dismissed", NOW)
    (left,) = await gather(database, since)
    assert (left.text, left.call_id, left.department) == ("le chat perdu", "1.2", None)


# --- groups --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def town(tmp_path: Path) -> Knowledge:
    return load(write(tmp_path / "knowledge"))


@pytest.fixture(scope="module")
def matcher(tmp_path_factory: pytest.TempPathFactory) -> Matcher:
    return Matcher.load(load(write(tmp_path_factory.mktemp("town"))))


def said(
    text: str, entry: str | None = None, refused: str | None = None, to: str | None = None
) -> Missed:
    return Missed(text, "fr", "1.1", NOW, refused, entry, to)


CAT = ["mon chat a disparu", "j'ai perdu mon chat", "mon chat est perdu depuis hier"]
POOL = ["je voudrais nager dimanche", "on peut nager le dimanche"]


def test_what_means_the_same_is_one_group(
    town: Knowledge, matcher: Matcher, encoder: Encoder
) -> None:
    not_those = ["piscine", "horaires", "eau-fuite"]
    some = [
        said(text, to="accueil", refused=entry) for text, entry in zip(CAT, not_those, strict=True)
    ]
    some.append(said(CAT[1]))
    some += [said(text, "piscine") for text in POOL] + [said("zigomar")]
    found = groups(some, town, matcher, encoder)
    texts = [{one.text for one in group.utterances} for group in found]
    assert set(CAT) in texts
    assert set(POOL) in texts
    cats, pool = found[texts.index(set(CAT))], found[texts.index(set(POOL))]
    assert (cats.count, cats.utterances[0].text, cats.utterances[0].count) == (4, CAT[1], 2)
    assert (cats.proposal.because, cats.department) == (Because.NEW, "accueil")
    assert "chat" in cats.proposal.entry
    assert (pool.proposal.entry, pool.proposal.because) == ("piscine", Because.CALLERS)
    again = groups(reversed(some), town, matcher, encoder)
    assert {one.reference for one in again} == {one.reference for one in found}


def test_a_group_that_is_gone_leaves_the_others_as_they_were(
    town: Knowledge, matcher: Matcher, encoder: Encoder
) -> None:
    some = [said(text) for text in (*CAT, *POOL)]
    whole = {one.reference for one in groups(some, town, matcher, encoder)}
    left = {one.reference for one in groups(some[:3], town, matcher, encoder)}
    assert left < whole


def test_callers_who_went_on_to_different_entries_are_never_one_group(
    town: Knowledge, matcher: Matcher, encoder: Encoder
) -> None:
    some = [said("c'est ouvert dimanche", "piscine"), said("ouvert le dimanche", "horaires")]
    found = groups(some, town, matcher, encoder)
    assert {one.proposal.entry for one in found} == {"piscine", "horaires"}


def test_where_callers_went_nowhere_the_matcher_proposes(
    town: Knowledge, matcher: Matcher, encoder: Encoder
) -> None:
    (found,) = groups([said("une fuite dans ma rue")], town, matcher, encoder)
    assert (found.proposal.entry, found.department) == ("eau-fuite", "eau")
    assert found.proposal.because is Because.LIKENESS
    refused = [said("une fuite dans ma rue", refused="eau-fuite")]
    (found,) = groups(refused, town, matcher, encoder)
    assert found.proposal.entry != "eau-fuite"


# --- the command ---------------------------------------------------------------------------------


@dataclass
class Desk:
    """An admin before ``ivr suggest``."""

    url: str
    root: Path
    matcher: Matcher
    capsys: pytest.CaptureFixture[str]

    async def type(self, *, days: int = 30, as_json: bool = False, **options: Any) -> str:
        """What is printed."""
        knowledge = load(self.root)
        wanted = Wanted(days, **options)
        await suggest(self.url, knowledge, self.matcher, wanted, as_json=as_json)
        return self.capsys.readouterr().out

    async def listed(self, **options: Any) -> list[dict[str, Any]]:
        """The groups."""
        found: list[dict[str, Any]] = json.loads(await self.type(as_json=True, **options))
        return found


@pytest.fixture
async def desk(
    tmp_path: Path, database: Database, matcher: Matcher, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """After a day on which two callers missed the swimming pool, and one lost a cat."""
    answered = heard("la piscine", "faq:piscine more", "answered:piscine")
    await call(
        database, "1.1", rejected("Je voudrais nager dimanche, au 06 12 34 56 78."), answered
    )
    await call(database, "1.2", rejected("On peut nager le dimanche ?"), answered)
    refused = heard("non", "reprompt.confirm-no", "corrected:eau-fuite")
    await call(
        database, "1.3", heard("mon chat a disparu", "confirm"), refused, to="accueil", days_ago=3
    )
    return Desk(url(tmp_path), write(tmp_path / "knowledge"), matcher, capsys)


async def test_an_admin_reads_and_accepts(desk: Desk) -> None:
    text = await desk.type()
    assert "3 phrases en 2 groupes, sur 30 jours." in text
    assert "piscine (La piscine) - choisi ensuite par 100 % des appelants renseignés" in text
    assert f"je voudrais nager dimanche au {MASK}" in text
    pool = (await desk.listed())[0]
    assert (pool["proposal"]["entry"], pool["department"], pool["count"]) == (
        "piscine",
        "accueil",
        2,
    )
    assert pool["reference"] in text
    file = desk.root / "faq/accueil.yaml"
    before = file.read_text()
    told = await desk.type(accept=pool["reference"].lower(), without=[1])
    kept = pool["utterances"][1]["text"]
    assert told == f"piscine : 1 phrase dans {file} :\n  + {kept}\n"
    assert file.read_text() == before.replace(
        "la piscine municipale]", f"la piscine municipale, {kept}]"
    )
    left = [one["utterances"] for one in await desk.listed()]
    assert sorted(one[0]["text"] for one in left) == sorted(
        ["mon chat a disparu", pool["utterances"][0]["text"]]
    )


async def test_an_admin_chooses_another_entry(desk: Desk) -> None:
    pool = (await desk.listed())[0]
    added = json.loads(await desk.type(accept=pool["reference"], entry="horaires", as_json=True))
    assert (added["entry"], len(added["texts"]), added["skipped"]) == ("horaires", 2, [])
    assert len(load(desk.root).entries["horaires"].examples) == 4
    assert len(await desk.listed()) == 1


async def test_what_is_dismissed_is_not_shown_again_whoever_says_it(
    desk: Desk, database: Database
) -> None:
    cat = (await desk.listed())[1]
    assert await desk.type(dismiss=cat["reference"]) == (
        "1 phrase à ne plus montrer :\n  - mon chat a disparu\n"
    )
    await call(database, "1.9", rejected("Mon chat a disparu !"))
    assert len(await desk.listed()) == 1
    assert await desk.listed(days=1) == await desk.listed()


async def test_what_an_admin_may_get_wrong_is_told(desk: Desk) -> None:
    pool = (await desk.listed())[0]["reference"]
    for options, error in [
        ({"accept": "ZZZZZ"}, "aucun groupe ne porte la référence ZZZZZ"),
        ({"accept": pool, "dismiss": pool}, "ne vont pas ensemble"),
        ({"accept": pool, "entry": "piscines"}, "n'existe pas ; vouliez-vous dire piscine"),
        ({"accept": pool, "without": [3]}, "de 1 à 2"),
        ({"accept": pool, "without": [1, 2]}, "aucune phrase"),
    ]:
        with pytest.raises(IvrError, match=error):
            await desk.type(**options)
    assert len(await desk.listed()) == 2


async def test_nothing_to_learn_is_said(tmp_path: Path, matcher: Matcher, desk: Desk) -> None:
    empty = Desk(url(tmp_path / "other"), desk.root, matcher, desk.capsys)
    assert await empty.type() == "Rien à apprendre des 30 derniers jours.\n"
