"""How one way of writing becomes one way of saying: a pattern, and what replaces it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SENTENCE_START = re.compile(r"[.!?…][\"»”]?\s+$")


@dataclass(frozen=True)
class Rule:
    """Replaces each match of a pattern; a capital that opens a sentence stays a capital."""

    pattern: re.Pattern[str]
    say: Callable[[re.Match[str]], str]

    def apply(self, text: str) -> str:
        """The text with every match replaced."""
        return self.pattern.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        said = self.say(match)
        if not match[0]:
            return said
        before = match.string[max(0, match.start() - 4) : match.start()]
        if said[:1].islower() and not match[0][0].islower() and _SENTENCE_START.search(before):
            return said[0].upper() + said[1:]
        return said


def rule(pattern: str, flags: int = 0) -> Callable[[Callable[[re.Match[str]], str]], Rule]:
    """Make a rule of the function below."""
    return lambda say: Rule(re.compile(pattern, flags), say)


def apply(rules: Iterable[Rule], text: str) -> str:
    """All rules, one after the other."""
    for one in rules:
        text = one.apply(text)
    return text
