"""Cuts a text into sentences short enough to be said one after the other without a wait."""

from __future__ import annotations

import re

PAUSE_MS = 200
"""Between two sentences, besides what silence the clips carry at their ends."""
LONGEST = 220
"""Characters; a longer sentence is cut at its clauses. About 14 seconds of speech, and half of
what Kokoro takes at once (510 phonemes)."""

_PARAGRAPH = re.compile(r"\n\s*\n|\n\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_END = re.compile(r"(?<=[.!?…])[\"”’)\]]*(?:\s?»)?\s+(?=\S)")
_NOT_AN_END = re.compile(
    r"(?:^|[\s(«'’\"/-])"
    r"(?:MM?|M(?:me|lle|gr)s?|D?rs?|P[rt]|Me|Mtre|Ste?s?|[Aa]v|[Bb](?:oule)?v?l?d|[Pp]l|[Ii]mp|[Aa]ll"
    r"|[Cc]h|[Ss]q|[Bb][âa]t|[Aa]pp?t?|[Ee]sc|[Éé]t|[Tt][ée]l|[Pp]|[Pp]ar ex|[Ee]x|[Cc]f|[Ee]nv"
    r"|[Aa]rt|[Nn]o?s?|[Hh]ab|[Vv]ol|[Ff]ig|[Ll]ot|[Dd]ép|(?<!\b[A-Z] )[A-ZÀ-Ý]|(?:[A-Z]\.)+[A-Z]"
    r"|janv|févr?|avr|juil|sept|oct|nov|déc|lun|mar|mer|jeu|ven|sam|dim)\.$"
)
_HOUR_DOT = re.compile(r"\d\s?[hH]\.$")
_LOWER = re.compile(r"[«\"“‘'(]*[a-zà-ÿœ]")


def sentences(text: str, longest: int = LONGEST) -> list[str]:
    """The sentences of a text, in order, without what is blank.

    Abbreviations do not end a sentence ("M. Dupont", "14 h. 30"). A sentence longer than
    ``longest`` characters is cut at a semicolon, a colon, a comma, or else between words.
    """
    found = []
    for paragraph in _PARAGRAPH.split(text):
        for sentence in _of_paragraph(" ".join(paragraph.split())):
            found += cut(sentence, longest)
    return found


def cut(sentence: str, longest: int) -> list[str]:
    """One sentence in pieces of at most ``longest`` characters (a longer word stays whole)."""
    pieces = []
    while len(sentence) > longest:
        at = _best_cut(sentence, longest)
        if not at:
            break
        pieces.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [piece for piece in [*pieces, sentence] if piece]


def _of_paragraph(paragraph: str) -> list[str]:
    found, start = [], 0
    for end in _END.finditer(paragraph):
        before, after = paragraph[start : end.start()], paragraph[end.end() :]
        if _goes_on(before, after):
            continue
        found.append(paragraph[start : end.end()].strip())
        start = end.end()
    return [*found, paragraph[start:].strip()]


def _goes_on(before: str, after: str) -> bool:
    """Whether the sentence does not end here after all."""
    if not any(char.isalnum() for char in before):
        return True
    if before.endswith(".") and not before.endswith("..."):
        if _NOT_AN_END.search(before) or _LOWER.match(after):
            return True
        return bool(_HOUR_DOT.search(before)) and after[:1].isdigit()
    return before.endswith(("…", "...")) and bool(_LOWER.match(after))


def _best_cut(sentence: str, longest: int) -> int:
    """Where to cut, leaving neither side too short; 0 when nothing can be cut."""
    window = sentence[: longest + 1]
    for signs in (r"[;:!?]\s", r",\s", r"\s"):
        cuts = [match.end() for match in re.finditer(signs, window)]
        late = [at for at in cuts if longest // 3 <= at < len(sentence)]
        if late:
            return late[-1]
    first = re.search(r"\s", sentence)
    return first.end() if first else 0
