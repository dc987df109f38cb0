"""Everything the machine can know that it will say, so that it is spoken ahead of the calls."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from ivr.dialogue.people import LONGEST_TOLD, PASSED_ON
from ivr.dialogue.prompts import PROMPTS
from ivr.dialogue.state import State
from ivr.dialogue.talk import Talk
from ivr.errors import IvrError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.nlu.match import PLACE_QUESTIONS
from ivr.speech.speaker import SpeechSource
from ivr.speech.spoken import sentences

log = logging.getLogger(__name__)

UNKNOWN = "⁂"
"""Stands for what is known only in a call."""

PLACES = 12
"""Positions in a queue that are spoken ahead."""

Line = tuple[str, str]
"""A text as written, and its language (ISO 639-1)."""


async def announcements(speech: SpeechSource, knowledge: Knowledge, at: datetime) -> None:
    """Have the announcements that are not over spoken: each call is to hear them without a pause.

    Takes seconds for new ones; logs what fails. ``at`` is time zone aware.
    """
    wall = knowledge.hours.local(at).replace(tzinfo=None)
    for one in knowledge.hours.announcements:
        for sentence in sentences(one.sentence) if one.until > wall else ():
            try:
                await speech.clip(sentence, REFERENCE)
            except IvrError as error:
                log.warning("an announcement is not spoken ahead: %s", error)


def lines(knowledge: Knowledge) -> list[Line]:
    """Each once, those heard most first: prompts, then answers, then questions about them."""
    languages = sorted(
        {*knowledge.languages, *knowledge.catalogue.languages},
        key=lambda language: (language != REFERENCE, language),
    )
    parts = (_prompts, _waits, _answers, _questions, _places, _whispers)
    return _cut(line for name in languages for part in parts for line in part(knowledge, name))


def prompts(knowledge: Knowledge) -> list[Line]:
    """What every French call may need: the prompts without parameters, the departments' names."""
    return _cut(_prompts(knowledge, REFERENCE))


def _cut(texts: Iterable[Line]) -> list[Line]:
    cut = [(sentence, language) for text, language in texts for sentence in sentences(text)]
    return list(dict.fromkeys(cut))


def _prompts(knowledge: Knowledge, language: str) -> Iterator[Line]:
    talk, state = Talk(knowledge), State(language=language)
    for key, names in PROMPTS.items():
        unknown: dict[str, Any] = dict.fromkeys(names, UNKNOWN)
        for variant in range(knowledge.catalogue.variants(key, language)):
            text = knowledge.catalogue.text(key, language, variant=variant, **unknown)
            yield from ((one, language) for one in sentences(text) if UNKNOWN not in one)
    if language == REFERENCE:
        yield from ((one.sentence, language) for one in knowledge.hours.announcements)
    says = [talk.transfer_announcement(state, name) for name in knowledge.departments]
    yield from ((say.text, language) for say in (*talk.keys(state), *says))


def _waits(knowledge: Knowledge, language: str) -> Iterator[Line]:
    talk, state = Talk(knowledge), State(language=language)
    says = [talk.say(state, "queue.position", position=str(n)) for n in range(2, PLACES + 1)]
    says += [talk.say(state, "queue.minutes", minutes=str(n)) for n in range(2, LONGEST_TOLD + 1)]
    for department in knowledge.departments:
        name = knowledge.department_name(department, language)
        says.append(talk.say(state, "queue.elsewhere", department=name))
    yield from ((say.text, language) for say in says)


def _whispers(knowledge: Knowledge, language: str) -> Iterator[Line]:
    """What an operator hears before the caller; operators speak French."""
    if language == REFERENCE:
        yield from ((f"{one.title}.", language) for one in knowledge.entries.values())
        parts = ("Déjà renseigné", "A déjà attendu", "Demande un agent", PASSED_ON)
        yield from ((f"{part}.", language) for part in parts)


def _answers(knowledge: Knowledge, language: str) -> Iterator[Line]:
    yield from ((text, language) for text in knowledge.answers(language))
    for topic in knowledge.topics:
        if text := knowledge.out_of_scope(topic, language):
            yield text, language


def _places(knowledge: Knowledge, language: str) -> Iterator[Line]:
    talk, state = Talk(knowledge), State(language=language)
    for place in {id(one): one for one in map(knowledge.place_of, knowledge.entries)}.values():
        yield from ((talk.place(state, place, one).text, language) for one in PLACE_QUESTIONS)


def _questions(knowledge: Knowledge, language: str) -> Iterator[Line]:
    talk, state = Talk(knowledge), State(language=language)
    for entry in knowledge.entries_in(language):
        noun = talk.noun(state, entry)
        for key in ("confirm", "choose.first", "choose.second", "also"):
            yield talk.say(state, key, what=noun).text, language
