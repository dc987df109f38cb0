"""Clean-up of written text, web addresses, abbreviations, acronyms and signs, for speech."""

from __future__ import annotations

import html
import re
import unicodedata

from ivr.speech.spoken_rules import Rule, rule
from ivr.speech.spoken_tables import (
    ABBREVIATIONS,
    SAID_AS_WORDS,
    SIGNS,
    SPELT,
    SPELT_DOMAINS,
    TOP_DOMAINS,
)

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_LINE_MARKUP = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*•][ \t]+|[=*_-]{3,}[ \t]*$)", re.MULTILINE
)
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`{1,3}|~~)(?=\S)(.+?)(?<=\S)\1(?!\w)")
_NEW_SENTENCE = re.compile(r"(?<![.!?…:;,\s])[ \t]*\n(?:[ \t]*\n|[ \t]*(?=[-*•#]))+")
_SAME_SENTENCE = re.compile(r"\s+")
_SPACES = re.compile("[\u00a0\u202f\u2000-\u200a\u205f\u3000\t]")
_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"',
     "„": '"', "‑": "-", "‐": "-", "⁄": "/", "\u00ad": None, "º": "°", "˚": "°", "ﬁ": "fi",
     "ﬂ": "fl"}
)  # fmt: skip
_WINDOWS = {number: bytes([number]).decode("cp1252", "ignore") for number in range(0x80, 0xA0)}
_MOJIBAKE = re.compile("[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€")
_LETTER_NAMES = {"y": "i grec", "Y": "i grec"}
_VOWELS = re.compile("[aeiouyàâäéèêëîïôöûùü]", re.IGNORECASE)
_TOP = "|".join(re.escape(domain) for domain in TOP_DOMAINS)
_HOST = rf"(?:[\w-]+\.)+(?:{_TOP})"


def clean(text: str) -> str:
    """Plain text: no markup, emoji, control or invisible characters; one kind of quote."""
    text = _mended(text).translate(_WINDOWS)
    if "&" in text:
        text = html.unescape(text)
    text = unicodedata.normalize("NFC", _TAG.sub(" ", text))
    text = _SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _LINK.sub(r"\1", text)
    text = _NEW_SENTENCE.sub(".\n", text.strip())
    text = _LINE_MARKUP.sub("", text)
    text = _EMPHASIS.sub(r"\2", text).translate(_QUOTES)
    return _SAME_SENTENCE.sub(" ", "".join(map(_plain, text))).strip()


def _mended(text: str) -> str:
    """UTF-8 that was read as Latin-1 ("Ã©") is read again."""
    if _MOJIBAKE.search(text):
        for encoding in ("cp1252", "latin-1"):
            try:
                return text.encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
    return text


def _plain(char: str) -> str:
    """A character as it can be said: any figure as 0-9, pictures and controls as a space."""
    if char.isascii():
        return char if char.isprintable() or char == "\n" else " "
    category = unicodedata.category(char)
    if category == "Nd":
        return str(int(char))
    if category in ("No", "Nl"):
        return unicodedata.normalize("NFKC", char).translate(_QUOTES)
    if category in ("Cf", "Mn", "Me"):
        return ""
    if category[0] == "C" or (category in ("So", "Sk") and char != "°"):
        return " "
    return " " if category[0] == "Z" else char


def letters(word: str) -> str:
    """``CCAS`` → ``C C A S``, ``fr`` → ``f r``."""
    return " ".join(_LETTER_NAMES.get(letter, letter) for letter in word)


def _label(label: str) -> str:
    """One part of a web address."""
    words = re.split(r"(\W|_|\d+)", label)
    said = []
    for word in words:
        if word in _WEB_SIGNS:
            said.append(_WEB_SIGNS[word])
        elif word:
            short = word.isalpha() and (
                word.upper() in SPELT or (len(word) < 5 and not _VOWELS.search(word))
            )
            said.append(letters(word) if short else word)
    return " ".join(said)


_WEB_SIGNS = {
    "-": "tiret", "_": "tiret bas", ".": "point", "/": "slash", "@": "arobase", "+": "plus",
    "?": "point d'interrogation", "=": "égale", "&": "et", "%": "pour cent", "#": "dièse",
    "~": "tilde", ":": "deux points", ",": "virgule",
}  # fmt: skip


def _domain(host: str) -> str:
    *names, top = host.split(".")
    said = [_label(name) for name in names]
    return " point ".join([*said, letters(top) if top in SPELT_DOMAINS else _label(top)])


@rule(r"\b(?:mailto:)?([\w.+-]+)@([\w-]+(?:\.[\w-]+)*\w)")
def _email(match: re.Match[str]) -> str:
    return f"{_label(match[1])}, arobase, {_domain(match[2].lower())}"


@rule(rf"(?:\bhttps?://(?:www\.)?([\w-]+(?:\.[\w-]+)*)|(?<![\w@.-])(?:www\.)?({_HOST})(?![\w-]|\.\w))"
      r"(?::\d+)?((?:/[\w./%?=&~#-]*\w)?)/?", re.IGNORECASE)  # fmt: skip
def _web(match: re.Match[str]) -> str:
    said = _domain((match[1] or match[2]).lower())
    return f"{said} {_label(match[3])}" if match[3] else said


@rule(r"\b(\w+)\(([a-zé]{1,4})\)(s?)(?!\w)")
def _optional_ending(match: re.Match[str]) -> str:
    """``enfant(s)`` → ``enfants``; ``né(e)s`` → ``nés``."""
    return match[1] + ("s" if "s" in (match[2], match[3]) else "")


@rule(
    r"\b(\w+)[·•](?:\w+)(?:[·•](s))?(?!\w)|\b([a-zà-ÿ]{2,})\.(?:e|ne|rice|trice|euse|ère)(?:\.(s))?\b"
)
def _inclusive(match: re.Match[str]) -> str:
    """``habitant·e·s`` → ``habitants``."""
    return (match[1] or match[3]) + (match[2] or match[4] or "")


@rule(
    r"(?<![A-Z] )\bM(?:\.(?=\s*(?:[A-ZÀ-Ý/]|le\b|la\b|l'|et\b|ou\b))|(?=\s+(?:et|ou)\s+Mme)"
    r"|(?=\s[A-ZÀ-Ý][a-zà-ÿ]))\s?"
)
def _monsieur(match: re.Match[str]) -> str:
    return "monsieur "


@rule(r"\bMe\s(?=[A-ZÀ-Ý])")
def _maitre(match: re.Match[str]) -> str:
    return "maître "


@rule(r"\bPr\.?\s(?=[A-ZÀ-Ý])")
def _professor(match: re.Match[str]) -> str:
    return "professeur "


@rule(r"\b(Mme|Mmes|Mlle|Mlles|Drs?|Mgr)\.(?=\s*[A-ZÀ-Ý])")
def _title(match: re.Match[str]) -> str:
    """``Dr. Martin``: the dot is not the end of a sentence."""
    return match[1]


@rule(r"(?<=\bdu )(Gal|Gén|Mal|Cdt)\.?(?=[\s-](?:d[e'][\s-]?)?[A-ZÀ-Ý])")
def _rank_in_a_street(match: re.Match[str]) -> str:
    return _RANKS[match[1]]


_RANKS = {"Gal": "Général", "Gén": "Général", "Mal": "Maréchal", "Cdt": "Commandant"}


@rule(r"\b([Ss])(te?s?)\.?([-\s])(?=[A-ZÀ-Ý])")
def _saint(match: re.Match[str]) -> str:
    word = {"t": "aint", "te": "ainte", "ts": "aints", "tes": "aintes"}[match[2]]
    return match[1] + word + match[3]


@rule(r"(?<=\d)(\s?(?:bis|ter)?,?\s?)\br\.\s(?=[a-zA-ZÀ-ÿ])")
def _street(match: re.Match[str]) -> str:
    return f"{match[1]}rue "


@rule(r"\b[Nn]\s?°(s?)\s?")
def _number_sign(match: re.Match[str]) -> str:
    return f"numéro{match[1]} "


@rule(r"\b[Pp]p?\.\s?(?=\d)")
def _page(match: re.Match[str]) -> str:
    return "page "


@rule(r"\betc\b(\.{2,3}|…|\.)?(?=(\s*$|\s+[A-ZÀ-Ý])?)")
def _et_cetera(match: re.Match[str]) -> str:
    return "et cetera" + ("." if match[1] and match[2] is not None else "")


_BY_LENGTH = sorted(ABBREVIATIONS, key=len, reverse=True)
_TITLES = frozenset(
    ["madame", "mesdames", "messieurs", "mademoiselle", "mesdemoiselles", "docteur", "docteurs"]
)
_LOOKUP = {short.lower(): said for short, said in ABBREVIATIONS.items()}


@rule(
    rf"(?<![\w.@-])({'|'.join(re.escape(short) for short in _BY_LENGTH)})(?![\w@])", re.IGNORECASE
)
def _abbreviation(match: re.Match[str]) -> str:
    said = _LOOKUP[match[1].lower()]
    capital = match[1][0].isupper() and said not in _TITLES
    gap = " " if match.string[match.end() : match.end() + 1].isdigit() else ""
    ends = match[1].endswith(".") and not match.string[match.end() :].strip()
    return (said.capitalize() if capital else said) + ("." if ends else "") + gap


@rule(r"\b((?:[A-ZÀ-Ý]\.){2,})(?=(\s*$|\s+[A-ZÀ-Ý])?)")
def _dotted(match: re.Match[str]) -> str:
    """``C.C.A.S.`` → ``CCAS``; its last dot stays where it ends the sentence."""
    end = "." if match[2] is not None and not match[2].strip() else ""
    return match[1].replace(".", "") + end


@rule(r"(?<![\w'])([A-Z]{2,7})(s?)(?![\w'])|(?<=[a-z]')([A-Z]{2,7})(?!\w)")
def _acronym(match: re.Match[str]) -> str:
    word = match[1] or match[3]
    if word in SAID_AS_WORDS:
        return SAID_AS_WORDS[word]
    if word in SPELT or (len(word) < 6 and not _VOWELS.search(word)):
        return letters(word)
    return match[0]


@rule(r"\bet\s?/\s?ou\b", re.IGNORECASE)
def _and_or(match: re.Match[str]) -> str:
    return "et ou"


@rule(r"(?<![\w*])\*(?![\w*])")
def _star(match: re.Match[str]) -> str:
    return "étoile"


@rule(r"(?<![\w#])#(?![\w#])")
def _hash(match: re.Match[str]) -> str:
    return "dièse"


@rule(r"(?<=\w)\s?/\s?(?=\w)")
def _slash(match: re.Match[str]) -> str:
    return " ou "


@rule("[" + re.escape("".join(SIGNS)) + "]")
def _sign(match: re.Match[str]) -> str:
    return SIGNS[match[0]]


@rule(r"[^\w\s,.;:!?…'-]|_")
def _unsayable(match: re.Match[str]) -> str:
    return " "


_TIDY = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?<=\w)\s+-\s+|(?<!\w)-+|-+(?!\w)"), " , "),
    (re.compile(r"(?:\s*,)+\s*(?=[,.;:!?…])"), ""),
    (re.compile(r"([.;:!?…])(?:\s*,)+"), r"\1"),
    (re.compile(r"\s+([,.…])"), r"\1"),
    (re.compile(r"\s*([;:!?])"), r" \1"),
    (re.compile(r"([,;:!?…])(?=\w)"), r"\1 "),
    (re.compile(r"(?:^[\s,;:.…]+)|(?:[\s,;:]+$)"), ""),
    (re.compile(r"\s+"), " "),
)


def tidy(text: str) -> str:
    """Single spaces, French spacing of signs, no sign without a word before it."""
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text.strip()


FIRST_RULES: tuple[Rule, ...] = (
    _email, _web, _optional_ending, _inclusive, _monsieur, _maitre, _professor, _title,
    _rank_in_a_street, _saint, _street, _number_sign, _page, _et_cetera, _abbreviation, _dotted,
)  # fmt: skip
"""Before numbers."""

LAST_RULES: tuple[Rule, ...] = (_acronym, _and_or, _star, _hash, _slash, _sign, _unsayable)
"""After numbers."""
