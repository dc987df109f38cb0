"""Small words that the dialogue itself understands, whatever the matcher thinks of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from ivr.nlu.normalise import plain, stem

_PLACE = r"(?:\W|\b(?:le|la|numéro|option|choix|plutôt|alors|euh|oui|the|number)\b)*"
_FIRST = re.compile(rf"\b(premi(er|ère)|first)\b|^{_PLACE}\b(un|une|1|one)\b{_PLACE}$")
_SECOND = re.compile(
    rf"\b(deuxième|second(e)?|dernier|dernière)\b|^{_PLACE}\b(deux|2|two)\b{_PLACE}$"
)
_BOTH = re.compile(r"(?<!aucun des )(?<!aucune des )\b(les deux|l'un et l'autre|both)\b")
_NEITHER = re.compile(r"\b(ni l'un ni l'autre|ni l’un ni l’autre|aucun(e)?|neither|rien de tout)\b")
_WRONG = re.compile(
    r"\b(c'est pas (ça|cela)|ce n'est pas (ça|cela)|pas du tout|vous avez mal compris|"
    r"rien à voir|vous (me|m'avez) mal|that's not|not what i)\b"
)
_OTHER = re.compile(r"(non[ ,]*)+(pas (ça|celui-là|celle-là)[ ,]*)?l'autre")
_NO_EMERGENCY = re.compile(
    r"((non|mais|si|oui|euh)[ ,]*)*((ce n'|c'|il n'y |y )(est|a) )?"
    r"(pas|rien|aucune)( vraiment| du tout)? ?(une |d')?urgen(ce|t)|"
    r"no[ ,]*(it's |it is )?not an emergency"
)
_WAIT = re.compile(r"\b(patiente[rz]?|attend(s|re|ez|rai)?|j'attends|reste|wait|hold)\b")
_CALL_BACK = re.compile(r"\b(rappel\w*|call( me)? back|callback)\b")
_PERSON = re.compile(
    r"\b(agent|quelqu'un|opérat\w+|humain|personne|parle[rz]?|passe[rz]?|standard\w*|service|"
    r"secrétariat|someone|somebody|speak|talk|operator|person|human)\b"
)
_MESSAGE = re.compile(
    r"\b(laiss\w+|enregistr\w+|leave|record) (\w+ ){0,2}messages?\b|^(un |a )?message\b|"
    r"\b(répondeur|voicemail)\b"
)
_SEND = re.compile(r"\b(valid\w*|envo\w+|gard\w+|parfait|c'est bon|keep|send)\b")
_LISTEN = re.compile(r"\b(ré-?écout\w*|écout\w*|entend\w*|listen|hear|play)\b")
_AGAIN = re.compile(r"\b(recommenc\w*|refai\w*|ré-?enregistr\w*|again|redo|re-?record)\b")
_DROP = re.compile(r"\b(effac\w*|annul\w*|supprim\w*|delete|erase|cancel)\b")
_NO_MOMENT = re.compile(
    r"((non|oui|ouais|merci|d'accord|ok|peu importe|n'importe quand|quand vous voulez|yes|no|"
    r"au revoir|bonne journée|whenever|any time|thank you|thanks|goodbye)[ ,.]*)*"
)
_NO_NAME = re.compile(
    r"(non|pas|peu importe|sans|passe[rz]?|aucun|rien|je ne|je veux pas|no|skip|none|rather not)\b"
)
_BEFORE_NAME = re.compile(
    r"((oui|alors|euh|bonjour|voilà|c'est|ce sera|je m'appelle|mon nom( est|, c'est)?|je suis|"
    r"au nom de|yes|hello|it's|this is|my name is|i am|i'm)\b[ ,:]*)+"
)
_INTRODUCES = re.compile(
    r"((bonjour|bonsoir|allô|oui|euh|alors|voilà|madame|monsieur|hello)\b[ ,.!]*)*"
    r"((c'est|ici|je suis|moi c'est) (monsieur|madame|mademoiselle|mme|mr)|je m'appelle|"
    r"my name is|this is (mr|mrs|miss|ms))( [\w'-]+){1,2}( à l'appareil)?( speaking)?"
)
_LONGEST_NAME = 5
"""Words; more are no name."""
_GIVES_UP = re.compile(
    r"\b(laissez?[ -](moi )?tomber|tant pis|(non|fait|finalement|bon) rien$|oubliez?( ça)?$|"
    r"annulez?|je renonce|je ne veux plus|j'en veux plus|plus la peine|"
    r"never mind|forget it|cancel)\b"
)
_ENOUGH = re.compile(
    r"((oui|non|bon|ok|d'accord|alors|ah|voilà|très bien|merci)\b[ ,.]*)*"
    r"(c'est (tout )?(bon|parfait)|parfait|ça ira|ça (me )?suffit|ça va( aller)?|"
    r"i'm (good|fine)|that's (fine|enough))([ ,.]*(merci|thanks))*"
)
_POLITE = r"s'il vous plaît|s'il te plaît|merci|madame|monsieur|please|thanks|thank you"
_THANKS = re.compile(
    r"((merci|je vous remercie|beaucoup|bien|infiniment|grand|d'accord|ok|très|oui|bon|alors|"
    r"thank you|thanks|very much|a lot|madame|monsieur)\b[ ,.!]*)+"
)
_BEFORE_PAUSE = (
    r"(?:(?:oui|non|alors|euh|ah|oh|bon|ok|d'accord|pardon|excusez-moi|juste|mais|et|just|okay|"
    rf"{_POLITE})\b[ ,.…!]*)*"
)
_HOLD = (
    r"(?:attend(?:s|ez)(?: voir| un peu| donc)?|(?:ne )?(?:quittez|coupez|bougez|raccrochez) pas|"
    r"restez en ligne|patientez(?: un peu)?|(?:laissez|donnez|accordez)[ -]moi|"
    r"(?:une?|deux|trois|cinq|petite?) (?:petite? )?(?:secondes?|minutes?|instants?|moments?)|"
    r"hold on|hang on|wait|(?:just )?(?:a|one) (?:second|moment|minute|sec)|let me)"
)
_BUSY = (
    r"(?:(?:que |il faut que )?(?:je|j') ?(?:vais |dois )?(?:le temps )?(?:le |la |les |l')?"
    r"(?:note|prend|cherch|regard|vérifi|demand|écri|récupèr|réfléchi|trouv|revien|arriv|met)\w*|"
    r"(?:le temps )?(?:de |d')?(?:note|prend|cherch|regard|vérifi|écri|trouv|réfléchi)\w*|"
    r"(?:get|find|look|check|write|i am|i'm|i need|i will|i'll)\b)(?:[ ']+[\w-]+){0,5}"
)
_PEN = (
    r"(?:que )?je (?:vais )?(?:note|noter|réfléchis|prends? note|reviens)|"
    r"(?:que )?je (?:vais )?(?:prend|cherch|attrap)\w* (?:vite )?(?:un|mon|du|de|une) ?(?:quoi )?"
    r"(?:stylo|crayon|papier|feuille|feutre|carnet|noter|écrire)(?: et \w+ \w+)?"
)
_PAUSE = re.compile(
    rf"{_BEFORE_PAUSE}(?:(?:{_HOLD}\b[ ,.…!]*)+(?:{_BEFORE_PAUSE}{_BUSY})?|(?:{_PEN}))"
    rf"(?:[ ,.…]*(?:{_POLITE}))*"
)
_AGAIN_NOW = re.compile(r"\b(?:redi|redonn|répét|recommenc|again|repeat)")
_READY = re.compile(
    r"\b(allez[- ]y|je vous écoute|j'écoute|(j'ai|c'est) noté|ça y est|je suis (prêt|là|revenu)|"
    r"vous pouvez (y aller|continuer|reprendre)|continuez|j'ai (un|mon|de quoi|trouvé|ce qu'il)|"
    r"dites[- ]moi|go ahead|go on|i'm ready|i am ready|i'm back|i have a pen)"
)
_WORD = 4
"""Letters, at least, of a word by which something is named."""
_RATINGS = {
    "un": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5,
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
}  # fmt: skip
_NO_MARK = re.compile(r"\b(sur|out of) (cinq|five|5)\b|\bun (?=(deux|trois|quatre|cinq|[2-5])\b)")
"""The words beside a mark: "un quatre", "quatre sur cinq"."""


def choice(text: str) -> Literal[1, 2] | None:
    """Which of two was chosen by its place: "la première", "le deux"."""
    text = text.lower()
    first, second = bool(_FIRST.search(text)), bool(_SECOND.search(text))
    if first == second:
        return None
    return 1 if first else 2


def named(text: str, nouns: Sequence[str]) -> int | None:
    """Which of several was chosen, from 0, by a word that only it has: "la carte"."""
    heard, told = _stems(text), [_stems(noun) for noun in nouns]
    alone = [own.difference(*(one for one in told if one is not own)) for own in told]
    found = [n for n, own in enumerate(alone) if own & heard]
    return found[0] if len(found) == 1 else None


def both(text: str) -> bool:
    """Whether both were chosen: "les deux"."""
    return bool(_BOTH.search(text.lower()))


def neither(text: str) -> bool:
    """Whether both were refused: "ni l'un ni l'autre"."""
    return bool(_NEITHER.search(text.lower()))


def gives_up(text: str) -> bool:
    """Whether a caller no longer wants what they asked for: "laissez tomber"."""
    return bool(_GIVES_UP.search(_plain(text)))


def thanks(text: str) -> bool:
    """Whether a caller says thanks and nothing else, as many do without leaving."""
    return bool(_THANKS.fullmatch(_plain(text)))


def introduces(text: str) -> bool:
    """Whether callers say who they are and nothing else: "bonjour, c'est monsieur Martin"."""
    return bool(_INTRODUCES.fullmatch(_plain(text)))


def enough(text: str) -> bool:
    """Whether a caller offered more has what they need, and says only that: "c'est bon"."""
    return bool(_ENOUGH.fullmatch(_plain(text)))


def pauses(text: str) -> bool:
    """Whether a caller needs a moment: "attendez, je prends un stylo"."""
    text = _plain(text)
    return bool(_PAUSE.fullmatch(text)) and not _AGAIN_NOW.search(text)


def ready(text: str) -> bool:
    """Whether a caller who needed a moment can go on: "allez-y, je note"."""
    return bool(_READY.search(_plain(text)))


def wrong(text: str) -> bool:
    """Whether the caller says that the machine misunderstood: "non c'est pas ça"."""
    text = text.lower().replace("’", "'").strip(" .,!?")
    return bool(_WRONG.search(text) or _OTHER.fullmatch(text))


def no_emergency(text: str) -> bool:
    """Whether the caller says that it is no emergency, and nothing else."""
    return bool(_NO_EMERGENCY.fullmatch(text.lower().replace("’", "'").strip(" .,!")))


def waits(text: str) -> bool:
    """Whether a caller whom nobody can take prefers to wait."""
    return bool(_WAIT.search(text.lower())) and not wants_callback(text)


def wants_callback(text: str) -> bool:
    """Whether a caller prefers to be called back."""
    return bool(_CALL_BACK.search(text.lower()))


def wants_person(text: str) -> bool:
    """Whether a caller asks for people in so many words, rather than saying a mere name."""
    return bool(_PERSON.search(text.lower().replace("’", "'")))


def wants_message(text: str) -> bool:
    """Whether a caller wants to leave a spoken message."""
    return bool(_MESSAGE.search(text.lower()))


def review(text: str) -> Literal["keep", "listen", "again", "drop"] | None:
    """What a caller wants to do with the message just recorded."""
    text = text.lower().replace("’", "'")
    # "Je veux effacer et recommencer", "réécouter avant de valider": the first wish is the first.
    meanings: tuple[tuple[Literal["keep", "listen", "again", "drop"], re.Pattern[str]], ...] = (
        ("listen", _LISTEN),
        ("again", _AGAIN),
        ("drop", _DROP),
        ("keep", _SEND),
    )
    found = [(place.start(), name) for name, word in meanings if (place := word.search(text))]
    return min(found)[1] if found else None


def moment(text: str) -> str:
    """When somebody wants to be called back, as they said it; empty: as soon as possible."""
    return "" if _NO_MOMENT.fullmatch(text.lower().strip(" .,!?")) else text


def name(text: str) -> str:
    """A caller's name as they said it: "c'est madame dupont" → "Madame Dupont"; or empty."""
    plain = text.lower().replace("’", "'").strip(" .,!?")
    if _NO_NAME.match(plain):
        return ""
    begin = found.end() if (found := _BEFORE_NAME.match(plain)) else 0
    parts = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", plain[begin:])
    if len(parts) > _LONGEST_NAME:
        return ""
    return " ".join(re.sub(r"(^|-|')(.)", lambda m: m[1] + m[2].upper(), part) for part in parts)


def rating(text: str) -> int | None:
    """A mark from 1 to 5, said in words or digits; None for two of them: it was misheard."""
    heard = re.findall(r"\w+", _NO_MARK.sub(" ", text.lower()))
    values = {int(word) if word.isdigit() else _RATINGS.get(word, 0) for word in heard}
    marks = [value for value in values if 1 <= value <= 5]
    return marks[0] if len(marks) == 1 else None


def _stems(text: str) -> set[str]:
    return {stem(word) for word in plain(text).split() if len(word) >= _WORD}


def _plain(text: str) -> str:
    return text.lower().replace("’", "'").strip(" .,!?…")
