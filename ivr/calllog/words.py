"""The codes that the tables hold, in French: for the pages, the command line and exports."""

from __future__ import annotations

OUTCOMES = {
    "answered": "répondu par la machine", "transferred": "passé à un service",
    "callback": "rappel noté", "gave-up": "sans réponse", "emergency": "urgence",
    "abandoned": "a raccroché en attendant un agent",
    "message": "message laissé", "interrupted": "interrompu",
}  # fmt: skip
"""How calls ended."""
ENDERS = {
    "caller": "l’appelant", "machine": "la machine", "transfer": "le passage à un service",
    "admin": "la mairie", "failure": "une panne",
}  # fmt: skip
"""Who or what ended a call with the machine."""
HAPPENINGS = {
    "opened": "L’appel commence", "returned": "Personne n’a répondu, la machine reprend",
    "silent": "Silence", "unintelligible": "Bruit, ou parole inaudible",
    "overloaded": "La machine est débordée : clavier proposé", "callback-taken": "Rappel noté",
    "callback-failed": "Le rappel n’a pas pu être noté", "recorded": "Message enregistré",
    "recording-failed": "Le message n’a pas pu être enregistré", "message-kept": "Message gardé",
    "redirected": "Passé par la mairie", "dismissed": "Appel terminé par la mairie",
}  # fmt: skip
"""What happened on the line, where the caller has said nothing."""
SAID = {"heard": "Parole", "too-long": "Longue parole", "keyed": "Touche du téléphone"}
"""What happened when the caller has said something."""
DECISIONS = {
    "answer": "Compris", "confirm": "À confirmer", "choose": "Hésite", "reject": "Pas compris",
}  # fmt: skip
"""How what was said was understood."""
STAYS = {
    "answered": "un agent a répondu", "abandoned": "a raccroché",
    "timeout": "personne n’était libre", "empty": "personne n’était là",
    "key": "a préféré un rappel", "unknown": "issue inconnue",
}  # fmt: skip
"""How stays in a queue ended."""
CALLBACKS = {
    "pending": "à faire", "dialling": "appel en cours", "person": "à décider",
    "done": "fait", "cancelled": "annulé",
}  # fmt: skip
"""States of callbacks."""
ORIGINS = {
    "caller": "demandé", "missed": "appel manqué", "message": "message vocal",
    "operator": "noté par un agent",
}  # fmt: skip
"""Where callbacks come from."""
CALLED_BACK = {
    "reached": "joint", "busy": "occupé", "no-answer": "pas de réponse", "voicemail": "répondeur",
    "refused": "appel refusé", "wrong-number": "mauvais numéro",
    "no-such-number": "numéro inexistant", "failed": "la ligne n'a pas marché",
    "cut-short": "conversation très courte", "unknown": "issue inconnue, peut-être déjà appelé",
}  # fmt: skip
"""What became of a call back."""
ATTEMPTS = CALLED_BACK | {"nobody": "aucun agent n’a décroché", "": "en cours"}
"""What became of an attempt to call back."""
MESSAGES = {
    "recording": "en cours d’enregistrement", "kept": "gardé",
    "transcribed": "gardé, mis par écrit",
}  # fmt: skip
"""States of spoken messages."""
CALL_BACK = "call-back"
NOTES = {
    "settled": "Réglé", "passed-on": "Passé à un collègue", CALL_BACK: "À rappeler",
    "wrong-department": "Ce n’était pas le bon service",
    "misunderstood": "La machine avait mal compris",
}  # fmt: skip
"""What operators say of a call that was answered."""
LANGUAGES = {"fr": "français", "en": "anglais"}
