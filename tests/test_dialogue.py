"""The dialogue's promises, whatever happens in whatever order."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.dialogue import machine, rehearsal
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.prompts import PROMPTS
from ivr.dialogue.state import Phase, State
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import (
    CallbackFailed,
    CallbackTaken,
    Dismissed,
    DropMessage,
    HangUp,
    Happening,
    Heard,
    KeepMessage,
    Keyed,
    Listen,
    MessageKept,
    Opened,
    Outcome,
    Overloaded,
    Record,
    Recorded,
    RecordingFailed,
    Redirected,
    Replay,
    Returned,
    Say,
    Silent,
    TakeCallback,
    TooLong,
    Transfer,
    Turn,
    Unintelligible,
)
from ivr.events import QueueOutcome
from ivr.knowledge.base import HOURS, Knowledge
from ivr.knowledge.hours import Announcement, ExtraOpening
from ivr.knowledge.load import load
from ivr.nlu.match import DIALOGUE_IDS, Candidate, Decision, Match

CALLER = "+33612345678"


@cache
def knowledge() -> Knowledge:
    return load(Path(__file__).parents[1] / "knowledge", prompts=PROMPTS)


def talk_at(what: str) -> datetime:
    return datetime.fromisoformat(what).replace(tzinfo=knowledge().hours.zone)


OPEN, NIGHT = talk_at("2026-11-24 10:00"), talk_at("2026-11-24 22:00")
dialogue = Dialogue(Talk(knowledge()), messages=True)
PLAIN = next(name for name, entry in knowledge().entries.items() if not entry.offer)
"""An entry after which no transfer is offered."""


def heard(*entries: str, decision: Decision = Decision.ANSWER, text: str = "…") -> Heard:
    scores = [0.9 - 0.1 * place for place in range(len(entries))]
    candidates = tuple(Candidate(e, s) for e, s in zip(entries, scores, strict=True))
    return Heard(Match(text, decision, candidates), 0.9)


NOT_UNDERSTOOD = heard(decision=Decision.REJECT)


def converse(*happenings: Happening, at: datetime = OPEN, state: State | None = None) -> Step:
    """The last step of a conversation that begins with a greeting."""
    state = state or dialogue.begin()
    step = dialogue.advance(state, Turn(Opened(CALLER), at))
    for what in happenings:
        step = dialogue.advance(step[0], Turn(what, at))
    return step


def says(step: Step) -> list[str]:
    return [action.about for action in step[1] if isinstance(action, Say)]


# --- never stuck -------------------------------------------------------------------------------

entry_ids = st.sampled_from(sorted([*knowledge().entries, *DIALOGUE_IDS]))
matches = st.builds(
    lambda ids, decision, text, detail, department: Match(
        text,
        decision,
        tuple(Candidate(i, 0.9 - 0.1 * n) for n, i in enumerate(dict.fromkeys(ids))),
        detail=detail,
        department=department,
    ),
    st.lists(entry_ids, max_size=3),
    st.sampled_from(Decision),
    st.sampled_from(["…", "le premier", "rappelez-moi", "je patiente", "06 12 34 56 78", "cinq"]),
    st.sampled_from([None, "insult", "english", "french", "slower", "impots"]),
    st.sampled_from([None, *knowledge().departments]),
)
happenings = st.one_of(
    st.builds(Heard, matches, st.floats(0, 1)),
    st.builds(TooLong, matches, st.floats(0, 1)),
    st.builds(Keyed, st.sampled_from("0123456789*#")),
    st.just(Silent()),
    st.just(Unintelligible()),
    st.just(Overloaded()),
    st.builds(Redirected, st.sampled_from([*knowledge().departments, "supprime"])),
    st.just(Dismissed()),
)
ENDS = Listen | Transfer | TakeCallback | Record | KeepMessage | HangUp
moments = st.sampled_from([OPEN, NIGHT, talk_at("2026-11-28 10:00"), talk_at("2026-12-25 10:00")])


@settings(max_examples=300)
@given(
    st.lists(happenings, max_size=25),
    moments,
    st.sampled_from([None, CALLER, "+4420", "anon"]),
    st.sampled_from([Recorded(0.0), Recorded(3.0), Recorded(1.5, key="0"), RecordingFailed()]),
)
def test_every_turn_ends_in_a_way_and_fruitless_ones_do_not_last(
    sequence: list[Happening], at: datetime, number: str | None, recorded: Happening
) -> None:
    state, actions = dialogue.advance(dialogue.begin(), Turn(Opened(number), at))
    fruitless = 0
    for what in sequence:
        if isinstance(actions[-1], TakeCallback):
            what = CallbackTaken("1234")
        elif isinstance(actions[-1], Record):
            what = recorded
        elif isinstance(actions[-1], KeepMessage):
            what = MessageKept(None)
        elif isinstance(actions[-1], Transfer):
            what = Returned(QueueOutcome.TIMEOUT)
        elif isinstance(actions[-1], HangUp):
            return
        state, actions = dialogue.advance(state, Turn(what, at))
        assert isinstance(actions[-1], ENDS)
        assert not any(isinstance(a, Listen | Transfer | HangUp) for a in actions[:-1])
        fruitless = fruitless + 1 if isinstance(what, Silent | Unintelligible) else 0
        assert fruitless < 8, "nobody there, and the machine still talks"


@settings(max_examples=300)
@given(st.lists(happenings, max_size=12), moments)
def test_zero_always_reaches_a_person_or_a_callback(
    sequence: list[Happening], at: datetime
) -> None:
    state, actions = dialogue.advance(dialogue.begin(), Turn(Opened(CALLER), at))
    for what in sequence:
        if not isinstance(actions[-1], Listen):
            break
        state, actions = dialogue.advance(state, Turn(what, at))
    if not isinstance(actions[-1], Listen) or state.phase is Phase.NUMBER:
        return  # while a number is keyed, 0 is one of its digits
    state, actions = dialogue.advance(state, Turn(Keyed("0"), at))
    assert isinstance(actions[-1], Transfer) or state.callback is not None


@settings(max_examples=100)
@given(st.lists(happenings, max_size=12), moments)
def test_an_emergency_is_never_missed(sequence: list[Happening], at: datetime) -> None:
    state, actions = dialogue.advance(dialogue.begin(), Turn(Opened(CALLER), at))
    for what in sequence:
        if not isinstance(actions[-1], Listen):
            return
        state, actions = dialogue.advance(state, Turn(what, at))
    if isinstance(actions[-1], Listen):
        _, actions = dialogue.advance(state, Turn(heard("urgence"), at))
        assert isinstance(actions[0], Say)
        assert all(number in actions[0].text for number in ("112", "15", "17", "18"))
        assert isinstance(actions[-1], Transfer)
        assert actions[-1].urgent


def perhaps_urgent() -> Heard:
    return Heard(Match("…", Decision.ANSWER, (Candidate("urgence", 0.4),)), 0.9)


@pytest.mark.parametrize(
    "answer",
    [heard("oui"), heard("urgence"), NOT_UNDERSTOOD, Silent(), Unintelligible(), Keyed("1")],
)
def test_what_may_be_an_emergency_is_one_unless_it_is_denied(answer: Happening) -> None:
    step = converse(perhaps_urgent())
    assert says(step) == ["emergency.confirm"]
    assert isinstance(step[1][0], Say)
    assert "112" in step[1][0].text
    _, actions = converse(perhaps_urgent(), answer)
    assert isinstance(actions[-1], Transfer)
    assert actions[-1].urgent


@pytest.mark.parametrize("answer", [heard("non"), Keyed("2"), heard(PLAIN)])
def test_a_denied_emergency_is_none(answer: Happening) -> None:
    state, actions = converse(perhaps_urgent(), answer)
    assert isinstance(actions[-1], Listen)
    assert not state.urgent


def test_two_misunderstandings_lead_to_help_and_the_third_to_a_person() -> None:
    assert says(converse(NOT_UNDERSTOOD)) == ["reprompt.not-understood"]
    assert says(converse(NOT_UNDERSTOOD, Unintelligible()))[:2] == ["help.menu", "help.keys"]
    _, actions = converse(NOT_UNDERSTOOD, Unintelligible(), NOT_UNDERSTOOD)
    assert isinstance(actions[-1], Transfer)


def test_an_answer_ends_the_row_of_misunderstandings() -> None:
    step = converse(NOT_UNDERSTOOD, heard(PLAIN), NOT_UNDERSTOOD)
    assert says(step) == ["reprompt.not-understood"]


def test_silence_is_met_gently_twice_then_a_person_or_goodbye() -> None:
    assert says(converse(Silent())) == ["silence.1"]
    assert says(converse(Silent(), Silent())) == ["silence.2"]
    assert isinstance(converse(Silent(), Silent(), Silent())[1][-1], Transfer)
    assert isinstance(converse(Silent(), Silent(), Silent(), at=NIGHT)[1][-1], HangUp)
    answered = converse(heard(PLAIN), Silent(), Silent())
    assert answered[1][-1] == HangUp(Outcome.ANSWERED)


@pytest.mark.parametrize("at", [OPEN, NIGHT])
def test_people_of_the_town_hall_pass_a_call_on_or_end_it(at: datetime) -> None:
    _, actions = converse(heard("passeport"), Redirected("urbanisme", "102"), at=at)
    assert [action.about for action in actions if isinstance(action, Say)] == ["transfer"]
    title = knowledge().entries["passeport"].title
    reason = f"Passé par un collègue - {title}, déjà renseigné"
    assert actions[-1] == Transfer("urbanisme", reason, operator="102")
    unsure = heard("passeport", decision=Decision.CONFIRM)
    _, actions = converse(heard(PLAIN), unsure, Redirected("urbanisme"), at=at)
    assert actions[-1] == Transfer("urbanisme", f"Passé par un collègue - {title}")
    _, actions = converse(heard("passeport"), Dismissed(), at=at)
    assert [action.about for action in actions if isinstance(action, Say)] == ["dismissed"]
    assert actions[-1] == HangUp(Outcome.ANSWERED)


def test_a_department_that_is_new_since_the_call_began_is_reached_by_the_reception() -> None:
    _, actions = converse(Redirected("tout-nouveau"))
    assert actions[-1] == Transfer("accueil", "Passé par un collègue")


# --- understanding -----------------------------------------------------------------------------


def test_a_likely_entry_is_confirmed_and_a_no_asks_again() -> None:
    unsure = heard("passeport", decision=Decision.CONFIRM)
    assert says(converse(unsure)) == ["confirm"]
    assert "faq:passeport" in says(converse(unsure, heard("oui")))
    assert "faq:passeport" in says(converse(unsure, Keyed("1")))
    assert says(converse(unsure, heard("non"))) == ["reprompt.confirm-no"]


def test_what_was_badly_heard_is_confirmed() -> None:
    assert says(converse(replace(heard("passeport"), confidence=0.2))) == ["confirm"]
    elsewhere = heard("hors-sujet")
    assert "out-of-scope" in says(converse(replace(elsewhere, confidence=0.6)))
    assert says(converse(replace(elsewhere, confidence=0.45))) == ["reprompt.not-understood"]


@pytest.mark.parametrize(
    ("choice", "entry"),
    [
        (heard(text="le premier", decision=Decision.REJECT), "passeport"),
        (heard(text="le deuxième s'il vous plaît", decision=Decision.REJECT), "carte-identite"),
        (Keyed("2"), "carte-identite"),
        (heard("carte-identite", decision=Decision.CONFIRM), "carte-identite"),
    ],
)
def test_one_of_two_is_chosen_by_place_key_or_name(choice: Happening, entry: str) -> None:
    two = heard("passeport", "carte-identite", decision=Decision.CHOOSE)
    assert says(converse(two)) == ["choose", "choose.first", "choose.second"]
    assert f"faq:{entry}" in says(converse(two, choice))


def test_a_changed_mind_in_mid_dialogue_is_followed() -> None:
    unsure = heard("passeport", decision=Decision.CONFIRM)
    assert f"faq:{PLAIN}" in says(converse(unsure, heard(PLAIN)))


def test_the_operator_sees_what_was_asked_and_answered() -> None:
    _, actions = converse(heard("passeport"), heard("operateur"))
    transfer = actions[-1]
    assert isinstance(transfer, Transfer)
    assert transfer.department == "etat-civil"
    assert "déjà renseigné" in transfer.reason


def test_repeat_says_the_same_and_slower_says_it_slower() -> None:
    first = converse(heard("passeport"))
    assert says(converse(heard("passeport"), heard("repeter"))) == says(first)
    slower = Heard(replace(heard("repeter").match, detail="slower"), 0.9)
    paces = {a.pace for a in converse(heard("passeport"), slower)[1] if isinstance(a, Say)}
    assert max(paces) < 1


@pytest.mark.parametrize("detail", ["english", "en"])
def test_a_language_is_changed_on_request(detail: str) -> None:
    english = Heard(replace(heard("hors-sujet").match, detail=detail), 0.9)
    state, actions = converse(english)
    assert state.language == "en"
    assert isinstance(actions[-1], Listen)


# --- callbacks ---------------------------------------------------------------------------------


def test_at_night_a_person_is_a_callback_on_the_callers_number() -> None:
    state, _ = converse(heard("operateur"), at=NIGHT)
    assert state.phase is Phase.WANT_CALLBACK
    state, _ = converse(heard("operateur"), heard("oui"), heard("oui"), at=NIGHT)
    assert state.phase is Phase.NAME
    name, when = heard(text="Madame Martin"), heard(text="demain matin")
    said = [heard("operateur"), *[heard("oui")] * 2, name, when, heard("oui")]
    (take,) = converse(*said, at=NIGHT)[1]
    assert isinstance(take, TakeCallback)
    assert (take.number, take.department, take.when) == (CALLER, "accueil", "demain matin")
    assert take.name == "Madame Martin"
    assert take.due == talk_at("2026-11-25 09:00")
    assert take.until == talk_at("2026-11-25 12:00")


def test_another_number_is_keyed_read_back_and_checked() -> None:
    keys = [Keyed(key) for key in "0232001099"]
    before = [heard("rappel"), heard("non")]
    state, actions = converse(*before, *keys)
    assert state.phase is Phase.NUMBER_READ_BACK
    assert isinstance(actions[0], Say)
    assert "02 32 00 10 99" in actions[0].text
    premium = [Keyed(key) for key in "0899123456"]
    assert says(converse(*before, *premium)) == ["callback.refused.premium"]


def test_a_callback_that_could_not_be_written_is_not_promised() -> None:
    taken: list[Happening] = [heard("rappel"), heard("oui"), heard(text="dès que possible")]
    assert "callback.taken" in says(converse(*taken, CallbackTaken("1234")))
    failed = converse(*taken, CallbackFailed())
    assert says(failed)[0] == "callback.failed"
    assert isinstance(failed[1][-1], Transfer)


def test_nobody_free_offers_a_callback_or_more_waiting() -> None:
    back: list[Happening] = [heard("operateur"), Returned(QueueOutcome.TIMEOUT)]
    assert says(converse(*back)) == ["queue.nobody-free"]
    assert converse(*back, Keyed("1"))[0].phase is Phase.NUMBER_OK
    waits = heard(text="je préfère patienter", decision=Decision.REJECT)
    assert isinstance(converse(*back, waits)[1][-1], Transfer)


# --- the prompts -------------------------------------------------------------------------------


def test_the_prompts_said_are_those_that_a_catalogue_must_have() -> None:
    source = "".join(path.read_text() for path in Path(machine.__file__).parent.glob("*.py"))
    named = set(re.findall(r'"([a-z]+(?:[.-][a-z0-9-]+)*)"', source))
    made = {"silence.1", "silence.2"}
    prefixes = ("reprompt.", "callback.refused.")
    assert [p for p in PROMPTS if p not in named | made and not p.startswith(prefixes)] == []


# --- the end -----------------------------------------------------------------------------------


def test_goodbye_asks_for_a_mark_when_that_is_switched_on() -> None:
    asking = replace(dialogue, satisfaction=True)
    state = dialogue.begin()
    for what in (Opened(CALLER), heard(PLAIN), heard("non")):
        state, actions = asking.advance(state, Turn(what, OPEN))
    assert state.phase is Phase.RATING
    faint = Heard(Match("4.", Decision.REJECT), 0.25)
    answers: list[tuple[Happening, bool]] = [
        (Keyed("4"), True),
        (replace(faint, confidence=0.9), True),
        (faint, False),
    ]
    for answer, counted in answers:
        _, actions = asking.advance(state, Turn(answer, OPEN))
        assert actions[-1] == HangUp(Outcome.ANSWERED)
        assert any(getattr(action, "value", "") == "4" for action in actions) is counted


def test_a_key_without_a_meaning_asks_again_and_a_hash_only_skips() -> None:
    assert says(converse(Keyed("7"))) == ["go-ahead"]
    assert says(converse(heard(PLAIN), Keyed("7"))) == ["more"]
    assert says(converse(Keyed("#"))) == []


# --- messages ----------------------------------------------------------------------------------


def test_a_message_is_recorded_only_after_the_caller_is_told() -> None:
    ways: list[list[Happening]] = [
        [Keyed("0"), Keyed("3")],
        [Keyed("0"), Keyed("2"), Keyed("1")],
        [heard("operateur"), heard("non"), heard("oui")],
        [heard(text="je voudrais laisser un message", decision=Decision.REJECT)],
    ]
    for way in ways:
        _, actions = converse(*way, at=NIGHT)
        assert isinstance(actions[-2], Say)
        assert "va être enregistré" in actions[-2].text
        assert actions[-1] == Record("accueil", actions[-1].reason, CALLER)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wish", "about"),
    [
        (Keyed("1"), []),
        (Keyed("2"), ["message.review"]),
        (Keyed("3"), ["message.begin"]),
        (Keyed("4"), ["message.dropped", "more"]),
        (heard("oui"), []),
        (heard("repeter"), ["message.review"]),
        (heard(text="je préfère recommencer", decision=Decision.REJECT), ["message.begin"]),
        (heard(text="annulez", decision=Decision.REJECT), ["message.dropped", "more"]),
    ],
)
def test_the_caller_decides_about_the_recording(wish: Happening, about: list[str]) -> None:
    state, _ = converse(Keyed("0"), Keyed("3"), Recorded(4.0, key="#"), at=NIGHT)
    assert state.phase is Phase.REVIEW
    step = dialogue.advance(state, Turn(wish, NIGHT))
    assert says(step) == about
    assert isinstance(step[1][0], DropMessage) == ("message.dropped" in about)
    assert isinstance(step[1][0], Replay) == (about == ["message.review"])
    assert isinstance(step[1][-1], KeepMessage) == (not about)


def test_zero_while_recording_leads_to_a_callback() -> None:
    step = converse(Keyed("0"), Keyed("3"), Recorded(4.0, key="0"), at=NIGHT)
    assert says(step) == ["callback.closed", "message.or"]


def test_who_says_nothing_about_the_recording_has_left_it() -> None:
    nothing = [Silent()] * 3
    _, actions = converse(Keyed("0"), Keyed("3"), Recorded(4.0), *nothing, at=NIGHT)
    assert isinstance(actions[-1], KeepMessage)


def test_without_messages_nothing_is_ever_recorded() -> None:
    without = Dialogue(Talk(knowledge()))
    said: list[str] = []
    for way in ([Keyed("0"), Keyed("3")], [Keyed("0"), Keyed("2")]):
        state, _ = without.advance(without.begin(), Turn(Opened(CALLER), NIGHT))
        for what in way:
            state, actions = without.advance(state, Turn(what, NIGHT))
            said += [action.about for action in actions if isinstance(action, Say)]
            assert not any(isinstance(action, Record) for action in actions)
    assert not [about for about in said if about.startswith("message.")]


# --- announcements -----------------------------------------------------------------------------


def announcing(text: str) -> Knowledge:
    """The sample knowledge with an announcement from 9 to 16 on the day of ``OPEN``."""
    written = {"from": "2026-11-24 09:00", "until": "2026-11-24 16:00", "text": text}
    announcements = (Announcement.model_validate(written),)
    hours = knowledge().hours.model_copy(update={"announcements": announcements})
    return replace(knowledge(), hours=hours)


def test_the_greeting_announces_while_it_is_valid() -> None:
    text = "Exceptionnellement, la mairie ferme à 16 heures aujourd'hui"
    known = announcing(text)
    dialogue = Dialogue(Talk(known))
    for at, said in ((OPEN, True), (NIGHT, False)):
        _, actions = dialogue.advance(dialogue.begin(), Turn(Opened(CALLER), at))
        greeting = next(action.text for action in actions if isinstance(action, Say))
        assert (f"{text}." in greeting) is said
        assert greeting.startswith("Bonjour")
        assert greeting.endswith(("Que puis-je faire pour vous ?", "Je vous écoute."))
    assert (f"{text}.", "fr") in rehearsal.prompts(known), "spoken ahead of the calls"


# --- an exceptional opening --------------------------------------------------------------------


def test_an_exceptional_opening_is_told_before_the_weekly_hours_and_greeted_as_one() -> None:
    tonight = {"from": "2026-11-24", "hours": ["20:00-23:59"]}
    openings = (ExtraOpening.model_validate(tonight),)
    known = replace(knowledge(), hours=knowledge().hours.model_copy(update={"openings": openings}))
    dialogue = Dialogue(Talk(known))
    state, actions = dialogue.advance(dialogue.begin(), Turn(Opened(CALLER), NIGHT))
    assert says((state, actions)) == ["greeting.open"]
    asked = heard("horaires-mairie", text="est-ce que la mairie est ouverte ?")
    state, actions = dialogue.advance(state, Turn(asked, NIGHT))
    today, weekly, _ = (action.text for action in actions if isinstance(action, Say))
    assert today == "Aujourd'hui, la mairie vous accueille de 20 h à 23 h 59."
    assert weekly == known.answer("horaires-mairie")
    pool = heard("piscine", text="la piscine est ouverte ?")
    assert says(dialogue.advance(state, Turn(pool, NIGHT)))[:2] == ["faq:piscine"] * 2
    again = Heard(replace(asked.match, follow_up=HOURS), 0.9)
    told = [a.text for a in dialogue.advance(state, Turn(again, NIGHT))[1] if isinstance(a, Say)]
    assert told[0] == today
