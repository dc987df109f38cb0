"""Turns written text into what a French person says: numbers, hours, dates, prices, addresses…

The result has no digit, sign or abbreviation left, only words and punctuation, so that any
synthesiser says the same. Saying it again changes nothing.
"""

from __future__ import annotations

from ivr.speech import spoken_amounts, spoken_english, spoken_times, spoken_words
from ivr.speech.sentences import sentences
from ivr.speech.spoken_numbers import digits_spoken
from ivr.speech.spoken_rules import apply

__all__ = ["digits_spoken", "sentences", "spoken"]

_FRENCH = (
    *spoken_words.FIRST_RULES,
    *spoken_amounts.RULES,
    *spoken_times.RULES,
    *spoken_amounts.LATER_RULES,
    *spoken_amounts.LAST_RULES,
    *spoken_words.LAST_RULES,
)


def spoken(text: str, language: str = "fr") -> str:
    """What is said for a written text; empty when there is nothing to say. Never raises.

    language: ISO 639-1. French is complete; English has numbers, hours, prices and telephone
    numbers; other languages are only cleaned of what cannot be said.
    """
    cleaned = spoken_words.clean(text)
    if language == "fr":
        return spoken_words.tidy(apply(_FRENCH, cleaned))
    if language == "en":
        return spoken_english.tidy(apply(spoken_english.RULES, cleaned))
    return cleaned
