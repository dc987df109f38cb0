"""What is held of a person as files: JSON for machines, a page in French for people, messages."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2

from ivr.calllog.tables import (
    Base,
    Call,
    Callback,
    CallbackAttempt,
    Message,
    OperatorNote,
    QueueStay,
    Turn,
)
from ivr.calllog.words import (
    ATTEMPTS,
    CALLBACKS,
    CALLED_BACK,
    DECISIONS,
    ENDERS,
    HAPPENINGS,
    LANGUAGES,
    MESSAGES,
    NOTES,
    ORIGINS,
    OUTCOMES,
    SAID,
    STAYS,
)
from ivr.errors import IvrError
from ivr.retention.numbers import is_pseudonym, written
from ivr.retention.person import Held

HEADINGS: Mapping[type[Base], str] = {
    Call: "Appels",
    Turn: "Échanges avec l'assistant vocal",
    QueueStay: "Attentes d'un agent",
    Callback: "Demandes de rappel",
    CallbackAttempt: "Rappels faits",
    Message: "Messages vocaux",
    OperatorNote: "Notes des agents",
}
LABELS: Mapping[str, str] = {
    "id": "référence interne",
    "call_id": "appel",
    "callback_id": "demande de rappel",
    "caller_number": "numéro",
    "caller_name": "nom présenté",
    "dialled": "numéro appelé",
    "started_at": "début",
    "ended_at": "fin",
    "outcome": "issue",
    "ended_by": "terminé par",
    "department": "service",
    "reason": "motif",
    "language": "langue",
    "satisfaction": "note donnée",
    "number": "numéro",
    "at": "moment",
    "happened": "ce qui s'est passé",
    "heard": "ce qui a été compris",
    "confidence": "sûreté de l'écoute",
    "entry": "question reconnue",
    "score": "sûreté de la question",
    "decision": "décision",
    "said": "ce qui a été répondu",
    "about": "à propos de",
    "notes": "suites",
    "cut_short": "part entendue avant d'être coupé",
    "response_ms": "délai de réponse (ms)",
    "priority": "priorité",
    "joined_at": "début de l'attente",
    "answered_at": "réponse",
    "operator": "poste de l'agent",
    "reference": "référence",
    "name": "nom",
    "wanted": "moment souhaité",
    "origin": "origine",
    "state": "état",
    "due_at": "pas avant",
    "until": "pas après",
    "attempts": "nombre d'appels",
    "attempt": "appel en cours",
    "note": "note de l'agent",
    "taken_at": "demandé",
    "updated_at": "dernier changement",
    "file": "fichier",
    "seconds": "durée (s)",
    "transcript": "texte",
    "recorded_at": "enregistré",
    "text": "note",
}
"""What people read for the name of a column."""
CODES: Mapping[type[Base], Mapping[str, Mapping[str, str]]] = {
    Call: {"outcome": OUTCOMES, "ended_by": ENDERS, "language": LANGUAGES},
    Turn: {"happened": HAPPENINGS | SAID, "decision": DECISIONS},
    QueueStay: {"outcome": STAYS},
    Callback: {"origin": ORIGINS, "state": CALLBACKS, "outcome": CALLED_BACK},
    CallbackAttempt: {"outcome": ATTEMPTS},
    Message: {"state": MESSAGES},
    OperatorNote: {"outcome": NOTES},
}
"""What people read for the codes of a table's columns."""

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<!DOCTYPE html>
<html lang="fr">
<head>
<meta charset="utf-8">
<title>Données détenues sur le {{ number }}</title>
<style>
body { font-family: sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #888; padding: .3em .5em; text-align: left; vertical-align: top; }
</style>
</head>
<body>
<h1>Données détenues sur le {{ number }}</h1>
<p>Établi le {{ at }} par le standard téléphonique de la mairie. Le fichier
<a href="donnees.json">donnees.json</a> contient les mêmes données sous une forme lisible par un
logiciel.</p>
{% for heading, labels, rows in sections %}
<h2>{{ heading }}</h2>
<table>
<tr>{% for label in labels %}<th scope="col">{{ label }}</th>{% endfor %}</tr>
{% for row in rows %}
<tr>{% for value, link in row %}<td>{% if link %}<a href="{{ link }}">{{ value }}</a>{% else %}\
{{ value }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}
</table>
{% else %}
<p>Aucune donnée n'est détenue sur ce numéro.</p>
{% endfor %}
</body>
</html>
"""
)


def files(held: Held, sounds: Path, at: datetime, zone: ZoneInfo) -> Iterator[tuple[str, bytes]]:
    """The files of an export, with their names.

    sounds: the folder of the spoken messages; one whose file has gone meanwhile is left out.
    """
    yield "donnees.json", as_json(held, at).encode()
    yield "donnees.html", as_page(held, at, zone).encode()
    for name in held.sounds:
        try:
            yield f"messages/{name}", (sounds / os.path.basename(name)).read_bytes()
        except FileNotFoundError:
            continue


def as_json(held: Held, at: datetime) -> str:
    """Every row with the names of its table and columns; times in ISO 8601."""
    tables = {
        table.__tablename__: [_values(row) for row in rows] for table, rows in held.rows.items()
    }
    document = {"number": held.number, "exported_at": at.isoformat()} | tables
    return json.dumps(document, ensure_ascii=False, indent=2, default=_iso)


def as_page(held: Held, at: datetime, zone: ZoneInfo) -> str:
    """The same in HTML, for people."""
    sections = []
    for table, rows in held.rows.items():
        names = [column.key for column in table.__table__.columns]
        codes = CODES.get(table, {})
        cells = [
            [
                (_shown(codes.get(name, {}).get(value, value), zone), _link(name, value))
                for name, value in _values(row).items()
            ]
            for row in rows
        ]
        labels = [LABELS.get(name, name) for name in names]
        sections.append((HEADINGS.get(table, table.__tablename__), labels, cells))
    number = written(held.number)
    return _PAGE.render(number=number, at=_shown(at, zone), sections=sections)


def write_folder(
    held: Held, sounds: Path, folder: Path, at: datetime, zone: ZoneInfo
) -> list[Path]:
    """Write an export into a folder that must not exist yet; only its owner can read it.

    Returns the files. Raises IvrError.
    """
    made = []
    try:
        folder.mkdir(mode=0o700, parents=True)
        for name, content in files(held, sounds, at, zone):
            path = folder / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            made.append(path)
    except FileExistsError as error:
        raise IvrError(f"{folder} existe déjà : donnez un autre dossier avec --output") from error
    except OSError as error:
        raise IvrError(f"{error.filename} : {error.strerror}") from error
    return made


def as_zip(held: Held, sounds: Path, at: datetime, zone: ZoneInfo) -> bytes:
    """The same as a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files(held, sounds, at, zone):
            archive.writestr(name, data)
    return content.getvalue()


def _values(row: Base) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _link(name: str, value: object) -> str:
    return f"messages/{value}" if name == "file" and value else ""


def _shown(value: object, zone: ZoneInfo) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(zone).strftime("%d/%m/%Y %H:%M:%S")
        case float():
            return f"{value:.2f}".replace(".", ",")
        case str() if is_pseudonym(value):
            return "pseudonyme"
        case _:
            return str(value)
