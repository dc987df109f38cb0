"""JSON Schemas of the knowledge files, for editors that check and complete while people type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ivr.knowledge.directory import DepartmentsFile, OperatorsFile
from ivr.knowledge.entries import DialogueFile, ElsewhereFile, FaqFile, TranslationFile
from ivr.knowledge.hours import Hours
from ivr.knowledge.wording import Wording

_FILES: dict[str, type[BaseModel]] = {
    "departments": DepartmentsFile,
    "dialogue": DialogueFile,
    "elsewhere": ElsewhereFile,
    "faq": FaqFile,
    "faq-translation": TranslationFile,
    "hours": Hours,
    "operators": OperatorsFile,
    "wording": Wording,
}

_TEXT = {"type": "string", "minLength": 1}
_PROMPTS = {
    "title": "Ce que dit le standard, en dehors des réponses de la FAQ",
    "type": "object",
    "additionalProperties": {
        "description": "Un texte, ou une liste de variantes ; null : le texte français.",
        "anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}, {"type": "null"}],
    },
}

HELP = {
    "address": "L'adresse, telle qu'on la dit.",
    "access": "Comment venir, où se garer.",
    "announcements": "Annonces dites à l'accueil pendant un temps : « Exceptionnellement, … ».",
    "answer": "La réponse dite : l'essentiel d'abord, 25 secondes au plus. {{ … }} cite un fait.",
    "answers": "La réponse dans d'autres langues : {en: …}.",
    "closures": "Fermetures exceptionnelles et ponts.",
    "confirm": "Complète « Vous appelez pour …, c'est bien cela ? » : une carte d'identité.",
    "days": "Les jours concernés ; tous si rien n'est écrit.",
    "department": "Le service qui s'en occupe : un identifiant de departments.yaml.",
    "departments": "Les services.",
    "detail": "Précise l'identifiant : slower pour repeter, insult pour hors-sujet.",
    "duty": "Le service qui reçoit les appels urgents, à toute heure.",
    "employees": "Les personnes que les appelants demandent par leur nom.",
    "entries": "Les questions.",
    "every_day": "Les horaires de chaque jour qui n'est pas écrit lui-même.",
    "examples": "Ce que disent les appelants, à leur façon ; au moins trente, bien variés.",
    "extension": "Le numéro de poste, entre guillemets : 2 à 6 chiffres.",
    "follow_ups": "Questions qui n'ont de sens qu'après la réponse : « et combien ça coûte ? »",
    "from": "Le premier jour : 2026-12-24.",
    "hours": 'Les heures : "08:30-12:00".',
    "hours_of": "Le lieu ou le service dont les horaires répondent à « et samedi ? ».",
    "id": "L'identifiant : minuscules sans accent, chiffres et tirets. Ne le changez plus ensuite.",
    "intents": "Ce que disent les appelants et que le dialogue traite lui-même.",
    "keywords": "Mots qui, entendus, désignent presque sûrement cette question.",
    "menu": "Le menu au clavier : la touche (1 à 9), et le service qu'elle appelle.",
    "mode": "Qui répond.",
    "modes": "Qui répond, et quand ; la première ligne qui convient l'emporte.",
    "name": "Le nom, avec son article s'il se dit : la piscine des Trois-Rivières.",
    "names": "Le nom dans d'autres langues : {en: …}.",
    "offer": "La question posée après la réponse : « Voulez-vous que je vous passe le service ? »",
    "open_on_public_holidays": "true : ouvert les jours fériés aussi.",
    "openings": "Ouvertures exceptionnelles : elles remplacent les horaires de la semaine.",
    "operators": "Les agents du standard.",
    "outside": "Le seul numéro extérieur vers lequel les agents peuvent transférer ses appels.",
    "overflow": "Le service qui prend ses appels, s'il n'a pas d'agent.",
    "phone": "Le numéro donné au public : 02 32 00 10 00.",
    "places": "Les lieux que le public cherche.",
    "priority": "Entre deux questions aussi probables, la plus grande valeur l'emporte.",
    "public_holidays": "FR, ou FR-57 (Moselle), FR-67 (Alsace), FR-974…",
    "reason": "Complète « c'est … » : le pont de l'Ascension.",
    "role": "Sa fonction.",
    "schedule": "Un des horaires de hours.yaml.",
    "schedules": "Les horaires de la semaine ; dans une fermeture, ceux qu'elle concerne.",
    "shifts": "Ses jours et ses heures : il prend et quitte son service sans rien composer.",
    "skills": "Qui sonne d'abord, par service : expert, normal, ou backup (si tous sont pris).",
    "switchboard": "L'horaire que suit le standard : ses fermetures sont les siennes.",
    "synonyms": "Ce que les gens disent à la place.",
    "text": "Ce que dit l'annonce : une phrase courte.",
    "time_zone": "Le fuseau horaire : Europe/Paris.",
    "title": "De quoi il s'agit, pour qui lit une liste.",
    "topics": "Ce dont la mairie ne s'occupe pas, et qui s'en occupe.",
    "town": "La ville et la mairie ; les champs que vous y ajoutez sont des faits à citer.",
    "until": "Le dernier jour, s'il y en a plusieurs.",
    "valid_from": "Le premier jour où la réponse vaut : 2026-12-24.",
    "valid_until": "Le dernier jour où la réponse vaut.",
    "wrap_up": "Secondes après un appel avant que le suivant ne sonne ; *1 y met fin plus tôt.",
    "website": "Le site, sans https.",
}
"""What an editor shows for a field, in French."""


def write(folder: Path) -> list[Path]:
    """Write the schemas into a folder. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / f"{name}.json"
        text = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas by the name of their file, without ``.json``."""
    found = {name: _schema(model) for name, model in _FILES.items()}
    return {**found, "prompts": _PROMPTS}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    for part in (schema, *schema.get("$defs", {}).values()):
        part.pop("description", None)  # a docstring, for developers
        for name, field in part.get("properties", {}).items():
            field.pop("title", None)
            field.pop("default", None)  # as the program holds it, not as it is written
            if name in HELP:
                field["description"] = HELP[name]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
