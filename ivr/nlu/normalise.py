"""Brings what callers say to the words that carry meaning, the same whoever says them."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words  # type: ignore[import-untyped]

from ivr.knowledge.text import fold

_SOUNDS = re.compile(r"\b(?:e+u+h+|h+e+u+|hu+m+|h+m+|ben|bah|beh|uh+|um+|er)\b")
"""Hesitations that are no words at all."""
_FILLERS = re.compile(
    r"\b(?:hein|bon|voila|quoi|alors|donc|enfin|en fait|du coup|"
    r"disons|comment dire|comment on dit|attendez voir|genre|ecoutez|dites|tenez|well)\b"
)
_POLITENESS = re.compile(
    r"\b(?:bonjour|bonsoir|allo|salut|madame|monsieur|mademoiselle|"
    r"s il (?:vous|te) plait|je vous (?:en )?prie|si possible|merci(?: d avance| beaucoup)?|"
    r"je vous (?:en )?remercie(?: d avance| par avance| beaucoup)?|"
    r"(?:excusez|pardonnez) moi(?: de vous deranger)?|desole(?:e)? de vous deranger|"
    r"je (?:me permets de vous|vous) (?:appelle|telephone|contacte)(?: parce que| pour savoir)?|"
    r"(?:pourriez|pouvez|auriez|serait il possible|est ce que vous pourriez) vous"
    r"(?: m indiquer| me dire| me renseigner| m expliquer)?|"
    r"auriez vous (?:la gentillesse|l amabilite)(?: de)?|"
    r"j (?:aimerais|aurais aime|aurais voulu|aurais souhaite)(?: savoir)?|"
    r"je (?:voudrais|veux|souhaite|souhaiterais)(?: savoir)?|"
    r"hello|good (?:morning|afternoon|evening)|please|thank you|thanks|excuse me|"
    r"(?:i would|i d) like(?: to)?|could you(?: please)?(?: tell me)?)\b"
)
_SHORTEST_STEM = 4
_WRITTEN = re.compile(r"[.,;:!?…«»\"()]+")
_DIGITS = re.compile(r"\b\d{1,4}\b")


@lru_cache(maxsize=32_768)
def spoken_form(text: str) -> str:
    """Without capitals and punctuation, which a recogniser adds and the examples do not have."""
    return _WRITTEN.sub(" ", text.lower()).strip()


def plain(text: str) -> str:
    """Lower-case words without accents, signs, hesitations; numbers in words.

    ``"Euh… L'été, j'ai 16 ans"`` → ``"l ete j ai seize ans"``. Empty when no word was said.
    """
    folded = fold(text)
    folded = _DIGITS.sub(lambda found: fold(num2words(int(found[0]), lang="fr")), folded)
    return _without(_FILLERS, " ".join(_SOUNDS.sub(" ", folded).split()))


@lru_cache(maxsize=32_768)
def core(text: str) -> str:
    """``plain`` without greetings and politeness, which say nothing of the request.

    What is nothing but politeness ("merci bonne journée") stays as it is.
    """
    return _without(_POLITENESS, plain(text))


@lru_cache(maxsize=32_768)
def stem(word: str) -> str:
    """A French word without its inflection, roughly: ``inscriptions`` → ``inscription``.

    Not a lemma: it only has to be the same for the forms of a word, and short words stay whole.
    """
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word[: -len(suffix)]
    return word


_SUFFIXES = [
    *("issait", "issent"),
    *("eront", "erais", "erait", "antes"),
    *("ions", "erai", "erez", "aient", "ante", "ants", "irai"),
    *("ion", "ees", "ent", "ait", "ais", "ant", "iez", "era"),
    *("es", "ee", "er", "ez", "ir", "it", "is", "aux"),
    *("s", "e", "x"),
]
"""Endings, the longest first."""


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text without what matches, or as it was when nothing would remain."""
    left = " ".join(pattern.sub(" ", text).split())
    return left or text
