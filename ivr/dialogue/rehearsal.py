"""Everything the machine can know that it will say, so that it is spoken ahead of the calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.dialogue.state import State
from ivr.dialogue.talk import Talk
from ivr.knowledge.base import Knowledge
from ivr.speech.spoken import sentences

Line = tuple[str, str]
"""A sentence as written, and its language (ISO 639-1)."""


def lines(knowledge: Knowledge) -> list[Line]:
    """Each once, those heard most first: prompts, then answers, then questions about them."""
    return _cut([*_prompts(knowledge), *_answers(knowledge), *_questions(knowledge)])


def prompts(knowledge: Knowledge) -> list[Line]:
    """What every call may need: the prompts that depend on nothing, and the departments' names."""
    return _cut(_prompts(knowledge))


def _cut(texts: Iterable[tuple[str, str]]) -> list[Line]:
    cut = [(sentence, language) for text, language in texts for sentence in sentences(text)]
    return list(dict.fromkeys(cut))


def _prompts(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    for language in knowledge.catalogue.languages:
        yield from ((text, language) for text in knowledge.catalogue.static_texts(language))
        talk, state = Talk(knowledge), State(language=language)
        says = [talk.transfer_announcement(state, name) for name in knowledge.departments]
        yield from ((say.text, language) for say in (*talk.keys(state), *says))


def _answers(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    for language in knowledge.languages:
        yield from ((text, language) for text in knowledge.answers(language))
        for topic in knowledge.topics:
            if text := knowledge.out_of_scope(topic, language):
                yield text, language


def _questions(knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    talk = Talk(knowledge)
    for language in knowledge.catalogue.languages:
        state = State(language=language)
        for entry in knowledge.entries_in(language):
            noun = talk.noun(state, entry)
            for key in ("confirm", "choose.first", "choose.second", "also"):
                yield talk.say(state, key, what=noun).text, language
