"""Everything the machine can know that it will say, so that it is spoken ahead of the calls."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.dialogue.state import State
from ivr.dialogue.talk import Talk
from ivr.knowledge.base import Knowledge

Line = tuple[str, str]
"""A text as written, and its language (ISO 639-1)."""


def lines(knowledge: Knowledge) -> list[Line]:
    """Each text once, those heard most first: prompts, then answers, then questions about them."""
    return list(dict.fromkeys([*prompts(knowledge), *_answers(knowledge), *_questions(knowledge)]))


def prompts(knowledge: Knowledge) -> list[Line]:
    """What every call may need: the prompts that depend on nothing, and the departments' names."""
    found: list[Line] = []
    for language in knowledge.catalogue.languages:
        found += [(text, language) for text in knowledge.catalogue.static_texts(language)]
        talk, state = Talk(knowledge), State(language=language)
        says = [talk.transfer_announcement(state, name) for name in knowledge.departments]
        found += [(say.text, language) for say in (*talk.keys(state), *says)]
    return found


def _answers(knowledge: Knowledge) -> Iterator[Line]:
    for language in knowledge.languages:
        yield from ((text, language) for text in knowledge.answers(language))
        for topic in knowledge.topics:
            if text := knowledge.out_of_scope(topic, language):
                yield text, language


def _questions(knowledge: Knowledge) -> Iterator[Line]:
    talk = Talk(knowledge)
    for language in knowledge.catalogue.languages:
        state = State(language=language)
        for entry in knowledge.entries_in(language):
            noun = talk.noun(state, entry)
            for key in ("confirm", "choose.first", "choose.second", "also"):
                yield talk.say(state, key, what=noun).text, language
