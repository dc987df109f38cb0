"""The dialogue: a pure function from a state and what happened to a new state and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue import words
from ivr.dialogue.answering import Answering
from ivr.dialogue.choosing import Choosing, asks_something_else
from ivr.dialogue.people import PEOPLE_PHASES, People
from ivr.dialogue.recovering import Recovering
from ivr.dialogue.state import Phase, State
from ivr.dialogue.taking import BEGINS, TAKING
from ivr.dialogue.talk import Step, Talk
from ivr.dialogue.turns import (
    CallbackFailed,
    CallbackTaken,
    Dismissed,
    Heard,
    Keyed,
    MessageKept,
    Note,
    Opened,
    Overloaded,
    Recorded,
    RecordingFailed,
    Redirected,
    Returned,
    Silent,
    TooLong,
    Turn,
    Unintelligible,
)
from ivr.events import QueueOutcome
from ivr.knowledge.base import HOURS, RECEPTION
from ivr.knowledge.dates import only_days
from ivr.knowledge.hours import Mode
from ivr.nlu.match import DIALOGUE_IDS, OFF_TOPIC, Decision, Match

LANGUAGES = {"english": "en", "french": "fr"}
"""Details of ``hors-sujet`` that ask for a language (ISO 639-1); of any other, it is its code."""
URGENT = 0.6
"""Below this certainty an emergency is asked about: one heard wrongly often looks like another."""
URGENT_LATER = 0.85
"""The same once the call is about something else: "il est noir", of a dog that is lost."""
LEAVES = 0.8
"""From this certainty on a goodbye ends the call; below, the caller is asked for more, or again: a
short yes misheard ("au re") looks like one."""
UNSURE = 0.4
"""Below this confidence of the recogniser an answer is confirmed before it is given, and no mark is
counted."""
LIKELY = 0.5
"""Below this certainty nobody to whom a department was offered is asked about another entry."""
FAINT = 0.35
"""Below this confidence of the recogniser a yes or a goodbye is asked for once more: anything short
that is not understood looks like one."""
DISMISSES = 0.5
"""Below this confidence of the recogniser nobody is told that it is no matter for the town hall:
an emergency misheard looks the same."""

_UNDER_WAY = TAKING | {Phase.REQUEST, Phase.CONFIRM, Phase.CHOOSE, Phase.HELP}
"""The phases in which "laissez tomber" means: whatever this was about."""
_DROPS = (None, "oui", "non", OFF_TOPIC)
"""What "laissez tomber" may be taken for, where nothing else is asked for in its place."""


@dataclass(frozen=True)
class Dialogue:
    """What to say and do, for one state of the town's knowledge. Holds nothing of any call."""

    talk: Talk
    satisfaction: bool = False
    """Ask for a mark from 1 to 5 before goodbye."""
    messages: bool = False
    """Let callers leave a spoken message when nobody can be reached."""

    @property
    def answering(self) -> Answering:
        """The part of the dialogue that answers, and ends the call when all is answered."""
        return Answering(self.talk, self.satisfaction)

    @property
    def choosing(self) -> Choosing:
        """The part of the dialogue that asks which entry is meant."""
        return Choosing(self.talk, self.answering)

    @property
    def recovering(self) -> Recovering:
        """The part of the dialogue for turns in which nothing was understood, or said."""
        return Recovering(self.talk, self.answering, self.people)

    @property
    def people(self) -> People:
        """The part of the dialogue that brings callers to people."""
        return People(self.talk, self.messages)

    def begin(self) -> State:
        """The state of a call in which nothing has happened yet."""
        return State()

    def advance(self, state: State, turn: Turn) -> Step:
        """The new state and what to do; the last action is one of those that end a turn."""
        what = turn.what
        match what:
            case Opened(caller_number):
                return self._greet(replace(state, caller_number=caller_number), turn)
            case Returned():
                return self._back_from_queue(state, what, turn)
            case CallbackTaken() | CallbackFailed():
                return self.people.taking.written(state, what, turn)
            case Recorded() | RecordingFailed():
                return self.people.leaving.recorded(state, what, turn)
            case MessageKept():
                return self.people.leaving.kept(state, what)
            case Redirected(department, operator):
                return self.people.redirect(state, department, operator)
            case Dismissed():
                return self.talk.hang_up(state, state.outcome, self.talk.say(state, "dismissed"))
            case Silent() | Unintelligible() if state.patience:
                return self.recovering.patient(state)
            case Silent():
                return self.recovering.silence(state, turn)
            case Unintelligible():
                return self.recovering.misunderstood(state, turn, "noise")
            case Overloaded():
                return self.recovering.overloaded(state, turn)
            case Keyed(key):
                return self._keyed(replace(state, silences=0, patience=0), key, turn)
            case Heard(understood, confidence):
                state = replace(state, silences=0, last_heard=understood.text)
                return self._heard(state, understood, confidence, turn)
            case TooLong(understood, confidence):
                state = replace(state, silences=0, last_heard=understood.text)
                if understood.decision is not Decision.ANSWER:
                    return self.recovering.misunderstood(state, turn, "too-long")
                return self._heard(state, understood, confidence, turn)

    # --- beginning -----------------------------------------------------------------------------

    def _greet(self, state: State, turn: Turn) -> Step:
        mode = self.talk.mode(turn.at)
        if mode is Mode.OPERATORS_FIRST:
            say = self.talk.greeting(state, "greeting.operators-first", turn.at)
            reason = self.talk.reason(state, "Nouvel appel")
            return self.talk.transfer(replace(state, overflow=True), RECEPTION, reason, say)
        key = "greeting.closed" if mode is Mode.MACHINE_ALONE else "greeting.open"
        return self.talk.ask(state, Phase.REQUEST, self.talk.greeting(state, key, turn.at))

    def _back_from_queue(self, state: State, back: Returned, turn: Turn) -> Step:
        first, state = state.overflow, replace(state, overflow=False)
        if first and back.outcome is not QueueOutcome.KEY:
            say = self.talk.say(state, "greeting.overflow")
            return self.talk.ask(state, Phase.REQUEST, say)
        return self.people.back(state, back, turn)

    # --- what the caller said ------------------------------------------------------------------

    def _heard(self, state: State, match: Match, confidence: float, turn: Turn) -> Step:
        if match.entry == "urgence" or state.phase is Phase.URGENT:
            step = self._maybe_urgent(state, match, turn)
            if step is not None:
                return step
        if step := self._paused(state, match):
            return step
        state = replace(state, patience=0)
        faint = match.entry in ("oui", "au-revoir") and confidence < FAINT
        if faint and state.expecting == "yes-no" and not state.misunderstood:
            return self.recovering.misunderstood(state, turn, "noise")
        if words.gives_up(match.text) and state.phase in _UNDER_WAY and match.entry in _DROPS:
            return self.answering.more(replace(state, callback=None, misunderstood=0))
        if state.phase in PEOPLE_PHASES:
            step = self.people.heard(state, match, turn)
            if step is not None:
                return step
        return (
            self._waiting(state, match, turn)
            or self._follow_up(state, match, turn)
            or self._message(state, match, turn)
            or self._special(state, match, confidence, turn)
            or self._in_phase(state, match, confidence, turn)
            or self._opening(state, match, turn)
            or self._request(state, match, confidence, turn)
        )

    def _maybe_urgent(self, state: State, match: Match, turn: Turn) -> Step | None:
        """An emergency, or perhaps one: only a no or another clear wish says that it is none."""
        if match.entry == "non" or words.no_emergency(match.text):
            return self.recovering.misunderstood(
                state, turn, "confirm-no", Note("corrected", "urgence")
            )
        sure = match.score >= (URGENT_LATER if state.last_entry else URGENT)
        if match.entry == "urgence" and not sure and state.phase is not Phase.URGENT:
            say = self.talk.say(state, "emergency.confirm")
            return self.talk.ask(state, Phase.URGENT, say)
        if match.entry not in ("urgence", "oui", None) and match.decision is Decision.ANSWER:
            return None
        return self.answering.emergency(state)

    def _paused(self, state: State, match: Match) -> Step | None:
        """ "Attendez, je note": the caller has all the time they need, and then hears it again."""
        if state.phase not in (Phase.URGENT, Phase.WAIT, Phase.RATING):
            if words.pauses(match.text) and not asks_something_else(match):
                return self.answering.pause(state)
            open_question = state.expecting == "request" and match.entry == "oui"
            if state.patience and (words.ready(match.text) or open_question):
                return self.answering.repeat(replace(state, patience=0))
            murmured = match.decision is Decision.REJECT and state.phase not in PEOPLE_PHASES
            if state.patience and murmured:  # while writing it down
                return self.recovering.patient(state)
        return None

    def _waiting(self, state: State, match: Match, turn: Turn) -> Step | None:
        """Nobody was free: wait on, or be called back? None when that is not answered."""
        if state.phase is not Phase.WAIT:
            return None
        if words.waits(match.text):
            return self.people.wait(state, turn)
        if match.entry == "rappel" or words.wants_callback(match.text):
            return self.people.call_back(state)
        return None

    def _message(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "Je voudrais laisser un message": to a person, where there is one."""
        if not self.messages or not words.wants_message(match.text):
            return None
        department = match.department or self.talk.topic_department(state)
        if self.talk.people_there(turn.at):
            return self.people.reach(state, department, "Veut laisser un message", turn)
        return self.people.leaving.begin(replace(state, department=department))

    def _follow_up(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "Et combien ça coûte ?", "et à Noël ?", after an answer, or about what is offered."""
        if only_days(match.text) and (step := self._another_day(state, match, turn)):
            return step
        if match.follow_up is None or match.entry is None:
            return None
        if state.phase is Phase.CHOOSE:
            return self.choosing.depends(state, match.follow_up)
        note = Note("confirmed", match.entry) if state.phase is Phase.CONFIRM else None
        return self.answering.answer(state, match.entry, turn, note, follow_up=match.follow_up)

    def _another_day(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "Et samedi ?", after an answer about opening hours."""
        if state.phase not in (Phase.MORE, Phase.OFFER, Phase.REQUEST) or not state.last_entry:
            return None
        if self.talk.opening(state, state.last_entry, turn.at) is not None:
            return self.answering.answer(state, state.last_entry, turn)
        if only_days(match.text) and self.talk.answers(state, state.last_entry, HOURS):
            return self.answering.answer(state, state.last_entry, turn, follow_up=HOURS)
        return None

    def _opening(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "On peut venir samedi ?", after an answer; None for what is surely another request."""
        return None if asks_something_else(match) else self._another_day(state, match, turn)

    def _special(self, state: State, match: Match, confidence: float, turn: Turn) -> Step | None:
        """What may be said at any moment of a conversation."""
        sure = match.decision is Decision.ANSWER and confidence >= DISMISSES
        sure = sure and state.phase is not Phase.NUMBER  # a name, or "attendez, je cherche"
        match match.entry, match.detail:
            case "repeter", detail:
                return self.answering.repeat(state, slower=detail == "slower")
            case "operateur", _ if words.introduces(match.text) and not match.person:
                return self.answering.go_ahead(state)
            case "operateur", _:
                department = match.department or self.people.default(state)
                who = match.person or "un agent"
                return self.people.reach(state, department, f"Demande {who}", turn)
            case "rappel", _:
                department = match.department or self.talk.topic_department(state)
                return self.people.taking.begin(state, department)
            case "au-revoir", _ if not only_days(match.text):  # "à demain" is one, "demain" is none
                thanks = words.thanks(match.text)
                if state.phase is Phase.MORE or (match.score >= LEAVES and not thanks):
                    return self.answering.goodbye(state)
                open_ = state.phase in PEOPLE_PHASES if thanks else state.expecting == "yes-no"
                if open_:  # the question asked is still to be answered
                    return self.recovering.misunderstood(state, turn, "not-understood")
                return self.answering.more(state)
            case "hors-sujet", "insult":
                say = self.talk.say(state, "insult")
                department = self.talk.topic_department(state)
                return self.people.reach(state, department, "Appelant mécontent", turn, say)
            case "hors-sujet", detail if language := self._language_asked(detail):
                return self._speak(state, language)
            case "hors-sujet", _ if sure and not self._opening(state, match, turn):
                say = self.talk.out_of_scope(state, match.detail)
                more = self.talk.say(state, "more")
                return self.talk.ask(replace(state, misunderstood=0), Phase.MORE, say, more)
        return None

    def _language_asked(self, detail: str | None) -> str | None:
        """The language (ISO 639-1) that such a detail asks for: one of ours, or spoken by files."""
        spoken = self.talk.knowledge.catalogue.languages
        return detail if detail in spoken else LANGUAGES.get(detail or "")

    def _speak(self, state: State, language: str) -> Step:
        """Go on in another language, where there are prompts in it."""
        if language in self.talk.knowledge.catalogue.languages:
            state = replace(state, language=language, misunderstood=0)
        say = self.talk.say(state, "greeting.language")
        note = Note("language", value=state.language)
        return self.talk.ask(state, Phase.REQUEST, say, before=(note,))

    def _in_phase(self, state: State, match: Match, confidence: float, turn: Turn) -> Step | None:
        """What makes sense as an answer to what was just asked; None for a new request."""
        yes, no = match.entry == "oui", match.entry == "non"
        match state.phase:
            case _ if yes and match.detail == BEGINS:
                return self.answering.go_ahead(state)
            case Phase.CONFIRM | Phase.OFFER if yes:
                return self._yes(state, turn)
            case Phase.CONFIRM | Phase.OFFER if no:
                return self._no(state, turn)
            case Phase.CHOOSE:
                return self._chosen(state, match, turn)
            case Phase.MORE if no and words.wrong(match.text):
                return self.recovering.misunderstood(
                    state, turn, "answer-wrong", Note("corrected", state.last_entry)
                )
            case Phase.MORE if no or (yes and words.enough(match.text)):
                return self.answering.goodbye(state)
            case Phase.MORE | Phase.REQUEST | Phase.HELP if yes:
                return self.answering.go_ahead(state)
            case Phase.HELP if no:
                return self.people.reach(state, RECEPTION, "", turn)
            case Phase.RATING:
                mark = words.rating(match.text) if confidence >= UNSURE else None
                return self.answering.rated(state, mark)
        return None

    def _request(self, state: State, match: Match, confidence: float, turn: Turn) -> Step:
        """A request in the caller's own words."""
        candidates = [c.entry for c in match.candidates if c.entry not in DIALOGUE_IDS]
        sure = match.decision is Decision.ANSWER and confidence >= UNSURE
        meant_otherwise = match.entry in DIALOGUE_IDS and (sure or match.entry == "hors-sujet")
        if not candidates or match.decision is Decision.REJECT or meant_otherwise:
            return self.recovering.misunderstood(state, turn, "not-understood", Note("rejected"))
        if sure:
            return self.answering.answer(state, candidates[0], turn, also=match.also)
        if state.phase is Phase.OFFER and (candidates[0] == state.topic or match.score < LIKELY):
            return self.recovering.misunderstood(state, turn, "not-understood", Note("rejected"))
        two = match.decision is Decision.CHOOSE and not match.follow_up
        return self.choosing.ask(state, *candidates[: 2 if two else 1])

    def _chosen(self, state: State, match: Match, turn: Turn) -> Step | None:
        if words.neither(match.text) or match.entry == "non":
            return self.recovering.misunderstood(state, turn, "confirm-no", Note("corrected"))
        if step := self.choosing.chosen(state, match, turn):
            return step
        again = state.misunderstood == 0 and not asks_something_else(match)
        return self.choosing.again(state) if again else None

    # --- what the caller keyed -----------------------------------------------------------------

    def _keyed(self, state: State, key: str, turn: Turn) -> Step:
        if state.phase is Phase.NUMBER:
            return self.people.keyed(state, key, turn)
        match key, state.phase:
            case _, Phase.QUEUED:  # one of ``Transfer.exits``
                return self.people.call_back(state)
            case "0", _:
                return self.people.reach(state, self.people.default(state), "", turn)
            case "*", _:
                return self.answering.repeat(state)
            case "1", Phase.URGENT:
                return self.answering.emergency(state)
            case "2", Phase.URGENT:
                return self.answering.go_ahead(state)
            case "1", Phase.CONFIRM | Phase.OFFER:
                return self._yes(state, turn)
            case "2", Phase.CONFIRM | Phase.OFFER:
                return self._no(state, turn)
            case "1" | "2", Phase.CHOOSE:
                return self.answering.confirmed(state, state.options[int(key) - 1], turn)
            case _, Phase.WAIT if step := self.people.waiting(state, key, turn):
                return step
            case "1" | "2" | "3" | "4" | "5", Phase.RATING:
                return self.answering.rated(state, int(key))
            case _, Phase.HELP if key in self.talk.knowledge.menu:
                return self.people.reach(state, self.talk.knowledge.menu[key], "", turn)
        if state.phase in PEOPLE_PHASES:
            return self.people.keyed(state, key, turn)
        if key == "#":
            return self.talk.listen(state)
        return self.recovering.ask_again(
            state
        )  # a key without a meaning here has cut the question short

    def _yes(self, state: State, turn: Turn) -> Step:
        if state.phase is Phase.CONFIRM:
            return self.answering.confirmed(state, state.options[0], turn)
        return self.people.reach(state, state.department or RECEPTION, "", turn)

    def _no(self, state: State, turn: Turn) -> Step:
        if state.phase is Phase.CONFIRM:
            note = Note("corrected", state.options[0])
            return self.recovering.misunderstood(state, turn, "confirm-no", note)
        return self.answering.more(state)
