"""What happens on the telephone, in the words of the pages."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from phonenumbers import NumberParseException

from ivr.calllog.words import DECISIONS, HAPPENINGS
from ivr.knowledge.base import Knowledge
from ivr.live.messages import Answer, LiveCall, LiveTurn, Place
from ivr.retention.numbers import canonical, is_pseudonym, written

STATES = {
    "signed-out": "Absent", "free": "Disponible", "ringing": "Son téléphone sonne",
    "talking": "En conversation", "wrap-up": "Finit de traiter un appel", "paused": "En pause",
    "unreachable": "Téléphone injoignable",
}  # fmt: skip
"""Of operators."""
PHASES = {
    "request": "attend la demande", "confirm": "fait confirmer", "choose": "propose deux réponses",
    "offer": "propose de passer un agent", "more": "demande s’il y a une autre question",
    "help": "propose les touches et un agent", "wait": "propose d’attendre ou d’être rappelé",
    "urgent": "vérifie s’il s’agit d’une urgence", "rating": "demande une note",
    "want-callback": "propose un rappel", "number-ok": "note un rappel", "number": "note un rappel",
    "number-read-back": "note un rappel", "when": "note un rappel", "name": "note un rappel",
    "writing": "note un rappel",
}  # fmt: skip
"""What the machine does."""
MEANINGS = {
    "operateur": "demande un agent", "rappel": "demande à être rappelé", "repeter": "fait répéter",
    "oui": "dit oui", "non": "dit non", "au-revoir": "dit au revoir", "urgence": "urgence",
    "hors-sujet": "sans rapport avec la mairie",
}  # fmt: skip
"""What callers may mean that is no entry of the FAQ."""
ANSWERS = {
    Answer.DONE: "C’est fait.",
    Answer.OVER: "L’appel est déjà terminé : rien n’a été fait.",
    Answer.ELSEWHERE: "La machine venait de passer l’appel à un service : rien n’a été fait.",
    Answer.UNKNOWN: "Ce service ou cet agent n’existe pas : rien n’a été fait.",
    Answer.BUSY: "Cet agent ne peut pas prendre d’appel maintenant : rien n’a été fait.",
    Answer.UNAVAILABLE: "Le standard téléphonique ne répond pas à cet ordre : rien n’a été fait.",
    Answer.FAILED: "Le standard téléphonique a refusé. Le journal du standard dit pourquoi.",
    Answer.NO_REPLY: "Pas de réponse à temps : regardez l’appel pour savoir si c’est fait.",
    Answer.AWAY: "Le standard n’est pas joignable : rien n’a été fait. Réessayez dans un instant.",
    Answer.DEMONSTRATION: ("Ceci est une démonstration, sans téléphone : rien n’a été fait."),
}
"""What became of an order."""


def number(caller: str | None) -> str:
    """A caller's number, whole: for who acts on the call."""
    if not caller:
        return "Numéro masqué"
    if is_pseudonym(caller):
        return "Numéro effacé"
    try:
        return written(canonical(caller))
    except NumberParseException:  # an extension, or what the provider made of it
        return caller


def number_in_part(caller: str | None) -> str:
    """A caller's number without what would tell whose it is: ``06 12 •• •• 78``."""
    if not caller:
        return "Numéro masqué"
    whole = number(caller)
    digits = [place for place, character in enumerate(whole) if character.isdigit()]
    if len(digits) <= 4:
        return whole
    hidden = set(digits[-6:-2])
    return "".join("•" if place in hidden else one for place, one in enumerate(whole))


def decision(turn: LiveTurn, knowledge: Knowledge) -> str:
    """What the machine made of what the caller did."""
    if turn.happened == "keyed":
        return f"Touche {turn.heard}"
    if turn.happened not in ("heard", "too-long"):
        return HAPPENINGS.get(turn.happened, "")
    made = DECISIONS.get(turn.decision, "")
    if turn.decision == "reject" or not turn.entry:
        return made
    sure = f" ({turn.score:.0%})".replace("%", " %") if turn.score is not None else ""
    return f"{made} : {meaning(turn.entry, knowledge)}{sure}"


def meaning(entry: str, knowledge: Knowledge) -> str:
    """An entry, or what a caller meant otherwise."""
    known = knowledge.entries.get(entry)
    return known.title if known else MEANINGS.get(entry, entry)


def department(name: str | None, knowledge: Knowledge) -> str:
    """A department as people call it."""
    known = knowledge.departments.get(name or "")
    return known.name if known else (name or "")


def operator(extension: str | None, knowledge: Knowledge) -> str:
    """An operator's name; the extension of one who is not in the files."""
    for one in knowledge.operators:
        if one.extension == extension:
            return one.name
    return f"poste {extension}" if extension else ""


def department_of(call: LiveCall, knowledge: Knowledge) -> str | None:
    """Whose call it is, as far as is known: that of the queue, else of what was asked."""
    if call.department:
        return call.department
    entry = knowledge.entries.get(call.entry or "")
    return entry.department if entry else None


def where(call: LiveCall, knowledge: Knowledge) -> str:
    """Who has a call."""
    match call.place:
        case Place.QUEUE:
            return f"Attend un agent : {department(call.department, knowledge)}"
        case Place.OPERATOR:
            return f"Parle avec {operator(call.operator, knowledge)}"
        case _:
            doing = PHASES.get(call.phase)
            return f"La machine {doing}" if doing else "Avec la machine"


def clock(at: datetime, zone: ZoneInfo) -> str:
    """A time of the day: ``9 h 05``."""
    local = at.astimezone(zone)
    return f"{local.hour} h {local.minute:02d}"


def duration(seconds: float) -> str:
    """How long: ``45 s``, ``3 min``, ``2 h 05``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d}"
