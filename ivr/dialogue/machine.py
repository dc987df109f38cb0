"""The dialogue: a pure function from a state and what happened to a new state and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.dialogue import words
from ivr.dialogue.answering import Answering
from ivr.dialogue.people import PEOPLE_PHASES, People
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
from ivr.knowledge.base import RECEPTION
from ivr.knowledge.dates import only_days
from ivr.knowledge.hours import Mode
from ivr.nlu.match import DIALOGUE_IDS, Decision, Match

LANGUAGES = {"english": "en", "french": "fr"}
"""Details of ``hors-sujet`` that ask for a language, and the language (ISO 639-1)."""
URGENT = 0.6
"""Below this certainty an emergency is asked about: one heard wrongly often looks like another."""
LEAVES = 0.6
"""From this certainty on a goodbye ends the call; below, the caller is asked for more."""
UNSURE = 0.4
"""Below this confidence of the recogniser an answer is confirmed before it is given."""
DISMISSES = 0.5
"""Below this confidence of the recogniser nobody is told that it is no matter for the town hall:
an emergency misheard looks the same."""


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
            case Silent():
                return self._silence(state, turn)
            case Unintelligible():
                return self._misunderstood(state, turn, "noise")
            case Overloaded():
                return self._overloaded(state, turn)
            case Keyed(key):
                return self._keyed(replace(state, silences=0), key, turn)
            case Heard(understood, confidence):
                state = replace(state, silences=0, last_heard=understood.text)
                return self._heard(state, understood, confidence, turn)
            case TooLong(understood, confidence):
                state = replace(state, silences=0, last_heard=understood.text)
                if understood.decision is not Decision.ANSWER:
                    return self._misunderstood(state, turn, "too-long")
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
        if state.phase in PEOPLE_PHASES:
            step = self.people.heard(state, match, turn)
            if step is not None:
                return step
        return (
            self._waiting(state, match, turn)
            or self._follow_up(state, match, turn)
            or self._message(state, match, turn)
            or self._special(state, match, confidence, turn)
            or self._in_phase(state, match, turn)
            or self._another_day(state, match, turn)
            or self._request(state, match, confidence, turn)
        )

    def _maybe_urgent(self, state: State, match: Match, turn: Turn) -> Step | None:
        """An emergency, or perhaps one: only a no or another clear wish says that it is none."""
        if match.entry == "non" or words.no_emergency(match.text):
            return self._misunderstood(state, turn, "confirm-no", Note("corrected", "urgence"))
        if match.entry == "urgence" and match.score < URGENT and state.phase is not Phase.URGENT:
            say = self.talk.say(state, "emergency.confirm")
            return self.talk.ask(state, Phase.URGENT, say)
        if match.entry not in ("urgence", "oui", None) and match.decision is Decision.ANSWER:
            return None
        return self.answering.emergency(state)

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
        """ "Et combien ça coûte ?", "et à Noël ?", after an answer."""
        if only_days(match.text) and (step := self._another_day(state, match, turn)):
            return step
        if match.follow_up is None or state.last_entry is None:
            return None
        return self.answering.answer(state, state.last_entry, turn, follow_up=match.follow_up)

    def _another_day(self, state: State, match: Match, turn: Turn) -> Step | None:
        """ "Et samedi ?", after an answer about opening hours."""
        elsewhere = match.decision is Decision.ANSWER and match.entry not in DIALOGUE_IDS
        if state.phase not in (Phase.MORE, Phase.OFFER) or not state.last_entry or elsewhere:
            return None
        if self.talk.opening(state, state.last_entry, turn.at) is None:
            return None
        return self.answering.answer(state, state.last_entry, turn)

    def _special(self, state: State, match: Match, confidence: float, turn: Turn) -> Step | None:
        """What may be said at any moment of a conversation."""
        sure = match.decision is Decision.ANSWER and confidence >= DISMISSES
        sure = sure and state.phase is not Phase.NUMBER  # a name, or "attendez, je cherche"
        match match.entry, match.detail:
            case "repeter", detail:
                return self.answering.repeat(state, slower=detail == "slower")
            case "operateur", _:
                department = match.department or self.people.default(state)
                who = match.person or "un agent"
                return self.people.reach(state, department, f"Demande {who}", turn)
            case "rappel", _:
                department = match.department or self.talk.topic_department(state)
                return self.people.taking.begin(state, department)
            case "au-revoir", _:
                leaves = match.score >= LEAVES or state.phase is Phase.MORE
                return self.answering.goodbye(state) if leaves else self.answering.more(state)
            case "hors-sujet", "insult":
                say = self.talk.say(state, "insult")
                department = self.talk.topic_department(state)
                return self.people.reach(state, department, "Appelant mécontent", turn, say)
            case "hors-sujet", detail if detail in LANGUAGES:
                return self._speak(state, LANGUAGES[detail])
            case "hors-sujet", _ if sure and not self._another_day(state, match, turn):
                say = self.talk.out_of_scope(state, match.detail)
                more = self.talk.say(state, "more")
                return self.talk.ask(replace(state, misunderstood=0), Phase.MORE, say, more)
        return None

    def _speak(self, state: State, language: str) -> Step:
        """Go on in another language, where there are prompts in it."""
        if language in self.talk.knowledge.catalogue.languages:
            state = replace(state, language=language, misunderstood=0)
        say = self.talk.say(state, "greeting.language")
        note = Note("language", value=state.language)
        return self.talk.ask(state, Phase.REQUEST, say, before=(note,))

    def _in_phase(self, state: State, match: Match, turn: Turn) -> Step | None:
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
                return self._chosen_by_voice(state, match, turn)
            case Phase.MORE if no and words.wrong(match.text):
                return self._misunderstood(
                    state, turn, "answer-wrong", Note("corrected", state.last_entry)
                )
            case Phase.MORE if no:
                return self.answering.goodbye(state)
            case Phase.MORE | Phase.REQUEST | Phase.HELP if yes:
                return self.answering.go_ahead(state)
            case Phase.HELP if no:
                return self.people.reach(state, RECEPTION, "", turn)
            case Phase.RATING:
                return self.answering.rated(state, words.rating(match.text))
        return None

    def _request(self, state: State, match: Match, confidence: float, turn: Turn) -> Step:
        """A request in the caller's own words."""
        candidates = [c.entry for c in match.candidates if c.entry not in DIALOGUE_IDS]
        sure = match.decision is Decision.ANSWER and confidence >= UNSURE
        meant_otherwise = match.entry in DIALOGUE_IDS and (sure or match.entry == "hors-sujet")
        if not candidates or match.decision is Decision.REJECT or meant_otherwise:
            return self._misunderstood(state, turn, "not-understood", Note("rejected"))
        if sure:
            return self.answering.answer(state, candidates[0], turn, also=match.also)
        if match.decision is Decision.CHOOSE and len(candidates) > 1 and not match.follow_up:
            pair = (candidates[0], candidates[1])
            return self.talk.ask(
                replace(state, options=pair), Phase.CHOOSE, *self.talk.choose(state, *pair)
            )
        say = self.talk.say(state, "confirm", what=self.talk.noun(state, candidates[0]))
        return self.talk.ask(replace(state, options=(candidates[0],)), Phase.CONFIRM, say)

    def _chosen_by_voice(self, state: State, match: Match, turn: Turn) -> Step | None:
        if words.neither(match.text) or match.entry == "non":
            return self._misunderstood(state, turn, "confirm-no", Note("corrected"))
        place = words.choice(match.text)
        if place is not None:
            return self.answering.confirmed(state, state.options[place - 1], turn)
        for candidate in match.candidates:
            if candidate.entry in state.options:
                return self.answering.confirmed(state, candidate.entry, turn)
        return None

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
        return self._ask_again(state)  # a key without a meaning here has cut the question short

    def _ask_again(self, state: State) -> Step:
        """The question alone, without the greeting or the answer that came before it."""
        says = state.spoken
        if state.phase is Phase.REQUEST:
            says = (self.talk.say(state, "go-ahead"),)
        elif state.phase in (Phase.MORE, Phase.OFFER):
            says = says[-1:]
        return self.talk.ask(state, state.phase, *says)

    def _yes(self, state: State, turn: Turn) -> Step:
        if state.phase is Phase.CONFIRM:
            return self.answering.confirmed(state, state.options[0], turn)
        return self.people.reach(state, state.department or RECEPTION, "", turn)

    def _no(self, state: State, turn: Turn) -> Step:
        if state.phase is Phase.CONFIRM:
            note = Note("corrected", state.options[0])
            return self._misunderstood(state, turn, "confirm-no", note)
        return self.answering.more(state)

    # --- what did not work ---------------------------------------------------------------------

    def _misunderstood(self, state: State, turn: Turn, why: str, note: Note | None = None) -> Step:
        """Once: ask again, with examples. Twice in a row: help, never a third reprompt."""
        if state.phase is Phase.URGENT and note is None:
            return self.answering.emergency(state)
        before = (note,) if note else ()
        times = state.misunderstood + 1
        state = replace(state, misunderstood=times, options=())
        if state.phase in PEOPLE_PHASES:
            again = times < 2
            return self.people.again(state) if again else self.people.give_up(state, turn)
        if times >= 3 or (state.phase is Phase.HELP and times >= 2):
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, self.talk.topic_department(state), "", turn, say)
        if times == 2:
            say = self.talk.say(state, "help.menu")
            return self.talk.ask(state, Phase.HELP, say, *self.talk.keys(state), before=before)
        say = self.talk.say(state, f"reprompt.{why}")
        return self.talk.ask(state, Phase.REQUEST, say, before=before)

    def _silence(self, state: State, turn: Turn) -> Step:
        """Gently, twice; then goodbye if all is answered, else a person."""
        times = state.silences + 1
        state = replace(state, silences=times)
        if state.phase is Phase.RATING:
            return self.answering.rated(state, None)
        if state.phase is Phase.URGENT:
            return self.answering.emergency(state)
        if state.phase is Phase.NAME:
            return self.people.taking.again(state)
        if state.phase is Phase.WAIT:  # who says nothing waits
            return self.people.wait(state, turn)
        if state.phase is Phase.NUMBER and state.callback and state.callback.digits:
            return self.people.keyed(state, "#", turn)
        answered = state.phase in (Phase.MORE, Phase.OFFER)
        if answered and times >= 2:
            return self.answering.goodbye(state)
        if state.phase in PEOPLE_PHASES:
            again = times < 3
            return self.people.again(state) if again else self.people.give_up(state, turn)
        if times >= 3 or (state.phase is Phase.HELP and times >= 2):
            if state.answered or not self.talk.people_there(turn.at):
                say = self.talk.say(state, "silence.goodbye")
                return self.talk.hang_up(state, state.outcome, say)
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, RECEPTION, "Silence de l'appelant", turn, say)
        key = "silence.more" if answered else f"silence.{times}"
        return self.talk.ask(state, state.phase, self.talk.say(state, key))

    def _overloaded(self, state: State, turn: Turn) -> Step:
        if state.phase in TAKING:
            return self._misunderstood(state, turn, "noise")
        if state.phase is Phase.HELP:
            say = self.talk.say(state, "help.person")
            return self.people.reach(state, RECEPTION, "", turn, say)
        say = self.talk.say(state, "overloaded")
        return self.talk.ask(state, Phase.HELP, say, *self.talk.keys(state))
