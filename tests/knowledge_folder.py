"""A small town's knowledge files, for tests that break them one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

FILES = {
    "departments.yaml": """\
town:
  name: Petitbourg
  title: la mairie de Petitbourg
  address: 1, place du Puits
  phone: 02 32 00 20 00
departments:
  - id: accueil
    name: l'accueil de la mairie
    names: {en: the reception}
    synonyms: [accueil, standard]
    schedule: mairie
    extension: "100"
    employees:
      - {name: Sandrine Lefèvre, extension: "111"}
  - id: eau
    name: le service de l'eau
    synonyms: [service des eaux]
    schedule: mairie
    phone: 02 32 00 20 10
    extension: "200"
    overflow: accueil
menu: {1: eau}
places:
  - {id: piscine, name: la piscine, schedule: piscine, address: 2 rue du Lac}
""",
    "hours.yaml": """\
switchboard: mairie
schedules:
  mairie:
    monday: ["08:30-12:00", "13:30-17:00"]
    tuesday: ["08:30-12:00"]
    wednesday: ["08:30-12:00"]
    thursday: ["08:30-12:00"]
    friday: ["08:30-12:00"]
    saturday: ["09:00-12:00"]
  piscine:
    every_day: ["10:00-19:00"]
modes:
  - {mode: machine-alone, days: [sunday, holiday]}
  - {mode: machine-alone, hours: "18:00-09:00"}
  - {mode: machine-first}
""",
    "operators.yaml": """\
operators:
  - {name: Martine Dubois, extension: "101", departments: [accueil]}
""",
    "prompts/fr.yaml": """\
greeting: Bonjour, vous êtes bien à {{ town.title }}.
transfer: Je vous passe {{ department }}.
more:
  - Avez-vous une autre question ?
  - Autre chose ?
""",
    "prompts/en.yaml": """\
greeting: Hello, this is the town hall of {{ town.name }}.
transfer: null
more: Anything else?
""",
    "wording/en.yaml": """\
days: [Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]
hour: "{h12} {half}"
hour_minutes: "{h12}:{m:02d} {half}"
halves: [a.m., p.m.]
from_to: "from {start} to {end}"
every_day: every day
""",
    "faq/accueil.yaml": """\
department: accueil
entries:
  - id: horaires
    title: Les horaires
    confirm: les horaires de la mairie
    examples: [à quelle heure ouvrez-vous, la mairie est ouverte quand]
    hours_of: accueil
    answer: "La mairie est ouverte {{ dept['accueil'].hours }}."
  - id: piscine
    title: La piscine
    confirm: la piscine
    examples: [aller nager, la piscine municipale]
    answer: "{{ place['piscine'].name }} est {{ place['piscine'].address }}."
    follow_ups:
      - id: prix
        examples: [et combien ça coûte]
        answer: L'entrée est à 3 €.
""",
    "faq/eau.yaml": """\
department: eau
entries:
  - id: eau-fuite
    title: Une fuite d'eau
    confirm: une fuite d'eau
    examples: [il y a une fuite dans la rue]
    valid_from: 2026-01-01
    valid_until: 2026-12-31
    answer: Appelez le {{ dept['eau'].phone }}.
    offer: Voulez-vous que je vous passe {{ dept['eau'].name }} ?
""",
    "faq/en/accueil.yaml": """\
entries:
  - id: piscine
    title: The swimming pool
    confirm: the swimming pool
    examples: [where can I swim]
    answer: The pool is open {{ place['piscine'].hours }}, in summer.
""",
    "elsewhere.yaml": """\
topics:
  - id: impots
    title: Les impôts
    examples: [payer mes impôts]
    answer: Pour les impôts, appelez le 0809 401 401.
    answers: {en: "For taxes, call 0809 401 401."}
""",
    "dialogue/fr.yaml": """\
intents:
  - id: repeter
    examples: [répétez]
  - id: repeter
    detail: slower
    keywords: [lentement]
    examples: [plus lentement s'il vous plaît]
""",
    "dialogue/en.yaml": """\
intents:
  - id: oui
    examples: ["yes"]
""",
}


Files = Mapping[str, str | bytes | None]


def write(root: Path, changed: Files = MappingProxyType({})) -> Path:
    """Write the files under ``root``, some changed, some left out (None); returns ``root``."""
    for name, text in {**FILES, **changed}.items():
        if text is not None:
            put(root / name, text)
    return root


def put(path: Path, text: str | bytes) -> None:
    """Write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def replaced(name: str, old: str, new: str) -> dict[str, str]:
    """One of the files with a part replaced, as ``write`` takes it."""
    assert FILES[name].count(old) >= 1, f"{old!r} is not in {name}"
    return {name: FILES[name].replace(old, new)}
