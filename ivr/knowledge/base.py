"""Everything the town hall knows, loaded and checked: what calls are answered from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

from ivr.knowledge import dates, wording
from ivr.knowledge.catalogue import REFERENCE, Catalogue
from ivr.knowledge.directory import Department, Directory, Employee, Operator, Place, Town, e164
from ivr.knowledge.entries import Entry, Intent, Source, Topic
from ivr.knowledge.hours import Hours
from ivr.knowledge.wording import Wording

RECEPTION = "accueil"
"""The department whose hours are the town hall's own."""

HOURS = "horaires"
"""The follow-up that asks when an entry's place is open."""


@dataclass(frozen=True)
class Knowledge:
    """One good version of the knowledge files. A call keeps the version it began with."""

    root: Path
    town: Town
    departments: Mapping[str, Department]
    places: Mapping[str, Place]
    operators: tuple[Operator, ...]
    wrap_up: int
    """Seconds that an operator has after a call, before the next one."""
    hours: Hours
    entries: Mapping[str, Entry]
    """The French FAQ by id, with the facts filled in."""
    translations: Mapping[str, Mapping[str, Entry]]
    """The FAQ in other languages, by language and id; each holds part of the French one."""
    sources: Mapping[tuple[str, str], Source]
    """Where each entry is written, by language and id."""
    catalogue: Catalogue
    wordings: Mapping[str, Wording]
    """The words for hours and dates, by language."""
    directory: Directory
    topics: Mapping[str, Topic]
    """What the town hall does not handle, by id."""
    intents: tuple[Intent, ...]
    """What callers say that the dialogue itself handles, in all languages."""
    menu: Mapping[str, str]
    """The keypad menu: a key, and the id of the department it reaches."""
    duty: str
    """The department that urgent calls are passed to, at any hour."""

    @property
    def employees(self) -> Mapping[str, Employee]:
        """All people callers may ask for, by name."""
        return {one.name: one for dept in self.departments.values() for one in dept.employees}

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the FAQ (ISO 639-1), French first."""
        return (REFERENCE, *sorted(self.translations))

    def entries_in(self, language: str = REFERENCE) -> Mapping[str, Entry]:
        """The entries that exist in a language; empty for a language without files."""
        return self.entries if language == REFERENCE else self.translations.get(language, {})

    def answer(
        self, entry_id: str, language: str = REFERENCE, *, follow_up: str | None = None
    ) -> str:
        """The answer to an entry, or to one of its follow-ups, as people write it.

        Raises KeyError when the entry or follow-up does not exist in this language.
        """
        entry = self.entries_in(language)[entry_id]
        return entry.follow_up(follow_up).answer if follow_up else entry.answer

    def has_follow_up(self, entry_id: str, follow_up: str, language: str = REFERENCE) -> bool:
        """Whether an entry has an answer to such a question. KeyError as ``answer``."""
        asked = self.entries_in(language)[entry_id].follow_ups
        return any(one.id == follow_up for one in asked)

    def answers(self, language: str = REFERENCE) -> list[str]:
        """All answers, follow-ups and offers in a language, each once: to be rendered ahead."""
        texts = []
        for entry in self.entries_in(language).values():
            texts += [entry.answer, *(one.answer for one in entry.follow_ups)]
            if entry.offer:
                texts.append(entry.offer)
        return list(dict.fromkeys(texts))

    def department_name(self, department_id: str, language: str = REFERENCE) -> str:
        """The department's name with its article; in French where it has no other."""
        department = self.departments[department_id]
        return department.names.get(language, department.name)

    @cached_property
    def own_numbers(self) -> frozenset[str]:
        """The town hall's own telephone numbers, in E.164."""
        listed: list[Town | Department | Place] = [self.town]
        listed += [*self.departments.values(), *self.places.values()]
        return frozenset(e164(one.phone) for one in listed if one.phone)

    def speaks(self, entry_id: str, language: str) -> bool:
        """Whether an entry exists in a language."""
        return entry_id in self.entries_in(language)

    def noun(self, entry_id: str, language: str = REFERENCE) -> str:
        """The entry as a noun phrase: "une carte d'identité". KeyError as ``answer``."""
        return self.entries_in(language)[entry_id].confirm

    def offer(self, entry_id: str, language: str = REFERENCE) -> str | None:
        """The question asked after the answer, where there is one. KeyError as ``answer``."""
        return self.entries_in(language)[entry_id].offer

    def out_of_scope(self, topic_id: str, language: str = REFERENCE) -> str | None:
        """Who handles what the town hall does not; None when unknown in this language."""
        if (topic := self.topics.get(topic_id)) is None:
            return None
        return topic.answer if language == REFERENCE else topic.answers.get(language)

    def next_reachable(
        self, department_id: str, at: datetime, language: str = REFERENCE
    ) -> str | None:
        """When people next answer for a department, as people say it: "lundi à 9 h".

        None when that is not in sight. ``at`` is time zone aware.
        """
        schedule = self.departments[department_id].schedule
        if (found := self.hours.next_reachable(schedule, at)) is None:
            return None
        words = self.wordings.get(language, wording.FRENCH)
        return wording.moment(found, self.hours.local(at), words)

    def opening_answer(
        self,
        entry_id: str,
        text: str,
        at: datetime,
        language: str = REFERENCE,
        *,
        about_hours: bool = False,
    ) -> str | None:
        """The answer to "êtes-vous ouverts samedi ?" asked about an entry's place.

        None when ``text`` does not ask whether it is open on a day. A day and nothing else ("et
        samedi ?") asks, also about the department of an entry that has neither a place nor an
        answer about hours. ``about_hours``: it is known that hours are asked about. ``at`` is time
        zone aware. KeyError for an unknown entry.
        """
        who = self._opening_asked(entry_id, text, about_hours=about_hours)
        return self.about_days(who, text, self.hours.local(at).date(), language) if who else None

    def today_instead(
        self,
        entry_id: str,
        text: str,
        at: datetime,
        language: str = REFERENCE,
        *,
        about_hours: bool = False,
    ) -> str | None:
        """What the weekly hours do not tell of today: an exceptional opening, a closure, a holiday.

        None when today is as usual, and when ``text`` names a day or does not ask, as told under
        ``opening_answer``.
        """
        who = self._opening_asked(entry_id, text, about_hours=about_hours)
        today = self.hours.local(at).date()
        if who is None or dates.days_asked(text, today):
            return None
        place = self.places.get(who) or self.departments[who]
        usual = not self.hours.unusual(place.schedule, today)
        return None if usual else self._about(who, (today,), today, language)

    def _opening_asked(self, entry_id: str, text: str, *, about_hours: bool) -> str | None:
        """The place or department whose openings are asked about; None when none are."""
        entry = self.entries[entry_id]
        who = entry.hours_of or entry_id
        asks = about_hours or dates.only_days(text)
        if who in self.places or who in self.departments:
            asks = asks or dates.asks_opening(text)
        elif self.has_follow_up(entry_id, HOURS):
            return None
        else:
            who = entry.department
        return who if asks else None

    def place_of(self, entry_id: str) -> Place | Department:
        """Where an entry's matter is handled: its own place, else its department. KeyError."""
        entry = self.entries[entry_id]
        who = entry.hours_of or entry_id
        return self.places.get(who) or self.departments.get(who, self.departments[entry.department])

    def about_days(self, who: str, text: str, today: date, language: str = REFERENCE) -> str | None:
        """The openings on the days that ``text`` names; None when it names none.

        ``who`` is the id of a place or of a department; KeyError when it is neither.
        """
        return self._about(who, dates.days_asked(text, today), today, language) or None

    def _about(self, who: str, days: Iterable[date], today: date, language: str) -> str:
        place = self.places.get(who) or self.departments[who]
        words = self.wordings.get(language, wording.FRENCH)
        name = place.names.get(language, place.name)
        if who == RECEPTION:
            name = words.town_hall
        return " ".join(
            wording.about_day(self.hours, place.schedule, day, today, name=name, words=words)
            for day in days
        )
