"""What the dialogue says: prompts and answers as actions, and the ways a turn can end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from ivr.dialogue.prompts import PROMPTS
from ivr.dialogue.state import Phase, State
from ivr.dialogue.turns import Action, HangUp, Listen, Note, Outcome, Say, Transfer, Turn
from ivr.knowledge import wording
from ivr.knowledge.base import HOURS, RECEPTION, Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.directory import Department, Place
from ivr.knowledge.hours import Mode
from ivr.knowledge.wording import FRENCH
from ivr.nlu.match import PLACE_QUESTIONS
from ivr.speech.spoken import sentences

Step = tuple[State, tuple[Action, ...]]
"""The new state, and what to do."""

_PATIENCE = {Phase.NUMBER: 1.5, Phase.MORE: 0.8}
"""Silence allowed, relative to the setting: digits are looked up on paper."""


@dataclass(frozen=True)
class Talk:
    """Words and facts of one state of the town's knowledge."""

    knowledge: Knowledge
    called_back: frozenset[str] = frozenset()
    """``foreign`` and ``premium``: numbers of that kind are called back, too."""

    # --- ends of a turn ------------------------------------------------------------------------

    def ask(self, state: State, phase: Phase, *says: Say, before: tuple[Note, ...] = ()) -> Step:
        """Say something and listen."""
        state = replace(state, phase=phase, spoken=says)
        return state, (*before, *says, Listen(state.expecting, _PATIENCE.get(phase, 1.0)))

    def listen(self, state: State) -> Step:
        """Say nothing and listen on."""
        return state, (Listen(state.expecting, _PATIENCE.get(state.phase, 1.0)),)

    def hang_up(
        self, state: State, outcome: Outcome, *says: Say, before: tuple[Note, ...] = ()
    ) -> Step:
        """Say goodbye and end the call."""
        return state, (*before, *says, HangUp(outcome))

    def transfer(
        self, state: State, department: str, reason: str, *says: Say, to: str | None = None
    ) -> Step:
        """Pass the call to a department's operators; ``to`` is the extension to ring first."""
        return self.hand_over(state, Transfer(department, reason, state.urgent, to), *says)

    def hand_over(self, state: State, transfer: Transfer, *says: Say) -> Step:
        """Pass the call on."""
        state = replace(
            state, phase=Phase.QUEUED, department=transfer.department, callback=None, spoken=says
        )
        return state, (*says, transfer)

    # --- words ---------------------------------------------------------------------------------

    def say(self, state: State, key: str, /, **params: str) -> Say:
        """A prompt of the catalogue in the caller's language."""
        texts = self.knowledge.catalogue
        variant = len(state.answered) + state.misunderstood
        text = texts.text(key, state.language, variant=variant, **params)
        return Say(text, key, state.language, state.pace)

    def greeting(self, state: State, key: str, at: datetime) -> Say:
        """A greeting, with the announcements of the moment behind its first sentence."""
        say = self.say(state, key)
        announced = self.knowledge.hours.announced(at)
        if not announced or state.language != REFERENCE:
            return say
        hello, *rest = sentences(say.text)
        return replace(say, text=" ".join((hello, *announced, *rest)))

    def answer(
        self, state: State, entry: str, turn: Turn, follow_up: str | None
    ) -> tuple[Say, ...]:
        """The answer of an entry, or of one of its follow-ups; of a day, when one was named."""
        about = f"faq:{entry}" + (f"/{follow_up}" if follow_up else "")
        language = self.language_of(state, entry)
        text = today = None
        if follow_up in (None, HOURS):
            about_hours = follow_up == HOURS
            text = self.opening(state, entry, turn.at, about_hours=about_hours)
            today = self.knowledge.today_instead(
                entry, state.last_heard, turn.at, language, about_hours=about_hours
            )
        says = (Say(today, about, language, state.pace),) if today else ()
        if not text and follow_up and not self._written(state, entry, follow_up):
            return (*says, self.place(state, self.knowledge.place_of(entry), follow_up))
        text = text or self.knowledge.answer(entry, language, follow_up=follow_up)
        says = (*says, Say(text, about, language, state.pace))
        return says if language == state.language else (self.say(state, "only-in-french"), *says)

    def answers(self, state: State, entry: str, follow_up: str) -> bool:
        """Whether there is an answer to such a question about an entry."""
        return follow_up in PLACE_QUESTIONS or self._written(state, entry, follow_up)

    def _written(self, state: State, entry: str, follow_up: str) -> bool:
        return self.knowledge.has_follow_up(entry, follow_up, self.language_of(state, entry))

    def place(self, state: State, place: Place | Department, question: str) -> Say:
        """The answer to one of ``PLACE_QUESTIONS``, from the facts of a place or department."""
        town, words = self.knowledge.town, self.knowledge.wordings.get(state.language, FRENCH)
        name = place.names.get(state.language, place.name)
        facts = {
            "where": words.town_hall if place.id == RECEPTION else name,
            "hours": wording.weekly(self.knowledge.hours, place.schedule, words),
            "address": place.address or town.address,
            "phone": place.phone or town.phone,
        }
        key = f"place.{question}"
        return self.say(state, key, **{name: facts[name] for name in PROMPTS[key]})

    def opening(
        self, state: State, entry: str, at: datetime, *, about_hours: bool = False
    ) -> str | None:
        """The answer about the day that the caller named last, where the entry has hours."""
        language = self.language_of(state, entry)
        heard = state.last_heard
        return self.knowledge.opening_answer(entry, heard, at, language, about_hours=about_hours)

    def offer(self, state: State, entry: str, at: datetime) -> Say | None:
        """The question whether to go on with a department, where the entry has one."""
        language = self.language_of(state, entry)
        text = self.knowledge.offer(entry, language)
        if not text or not self.people_there(at):
            return None
        return Say(text, f"offer:{entry}", language, state.pace)

    def noun(self, state: State, entry: str) -> str:
        """The entry as a noun phrase: "une carte d'identité"."""
        return self.knowledge.noun(entry, self.language_of(state, entry))

    def nouns(self, state: State) -> tuple[str, ...]:
        """The entries offered, as noun phrases."""
        return tuple(self.noun(state, one) for one in state.options)

    def transfer_announcement(self, state: State, department: str) -> Say:
        """Who the caller is being passed to."""
        name = self.knowledge.department_name(department, state.language)
        return self.say(state, "transfer", department=name)

    def choose(self, state: State, first: str, second: str, key: str) -> tuple[Say, ...]:
        """The question which of two entries is meant, in clips that can be rendered ahead.

        ``key`` is the prompt that comes before both.
        """
        return (
            self.say(state, key),
            self.say(state, "choose.first", what=self.noun(state, first)),
            self.say(state, "choose.second", what=self.noun(state, second)),
        )

    def keys(self, state: State) -> tuple[Say, ...]:
        """The keypad menu read aloud: 0 for a person, then each department."""
        departments = [
            self.say(
                state,
                "help.key",
                department=self.knowledge.department_name(department, state.language),
                key=key,
            )
            for key, department in self.knowledge.menu.items()
        ]
        return (self.say(state, "help.keys"), *departments)

    def out_of_scope(self, state: State, topic: str | None) -> Say:
        """Not for the town hall, and who handles it where that is known."""
        text = self.knowledge.out_of_scope(topic, state.language) if topic else None
        if text is None:
            return self.say(state, "out-of-scope")
        return Say(text, f"out-of-scope:{topic}", state.language, state.pace)

    # --- facts ---------------------------------------------------------------------------------

    def mode(self, at: datetime) -> Mode:
        """Who answers at this moment."""
        return self.knowledge.hours.mode(at)

    def people_there(self, at: datetime) -> bool:
        """Whether operators are at work."""
        return self.mode(at) is not Mode.MACHINE_ALONE

    def with_opening(self, state: State, key: str, department: str, at: datetime) -> Say:
        """A prompt that tells when people can be reached; ``<key>.later`` when that is far off."""
        opening = self.knowledge.next_reachable(department, at, state.language)
        if opening is None:
            return self.say(state, f"{key}.later")
        return self.say(state, key, opening=opening)

    def language_of(self, state: State, entry: str) -> str:
        """The caller's language where the entry has it, else French."""
        return state.language if self.knowledge.speaks(entry, state.language) else "fr"

    def department_of(self, entry: str) -> str:
        """The department that handles an entry."""
        return self.knowledge.entries[entry].department

    def topic_department(self, state: State) -> str:
        """The department of what the call is about so far; the reception when unknown."""
        return self.department_of(state.topic) if state.topic else RECEPTION

    def reason(self, state: State, reason: str = "") -> str:
        """A few words for the operator: what it is about and what was already answered."""
        topic = state.topic
        title = self.knowledge.entries[topic].title if topic else ""
        known = f"{title}, déjà renseigné" if topic and topic in state.answered else title
        heard = f"« {state.last_heard} »" if state.last_heard and not topic else ""
        return " - ".join(part for part in (reason, known, heard) if part) or "Demande un agent"
