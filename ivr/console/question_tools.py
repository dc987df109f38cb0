"""Beside the editor of a question: checked while one types, heard, tried by typing or speaking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from ivr.console import web
from ivr.console.desk import Desk, OwnDesk
from ivr.console.question_form import NAMES, Given
from ivr.console.question_sheet import Sent, Sheet, faults_by_field, language_named
from ivr.console.workshop import Listening, Overlay
from ivr.errors import AudioFormatError, FaultsFound, IvrError, KnowledgeError
from ivr.knowledge import editing
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.check import CHARACTERS_A_SECOND, LONGEST_ANSWER, WANTED_EXAMPLES
from ivr.knowledge.editing import Conflict, version
from ivr.knowledge.load import facts
from ivr.knowledge.saving import AlreadyBroken
from ivr.knowledge.templates import TemplateFault, render
from ivr.nlu.match import DIALOGUE_IDS, Context, Decision, Match
from ivr.speech.spoken import spoken

log = logging.getLogger(__name__)
router = APIRouter()

LONGEST_TRIED = 500
"""Characters of a sentence to try."""
_checking = asyncio.Semaphore(2)
"""Checks take the better part of a second of one core each."""

MOVES = {
    "operateur": "demande un agent",
    "rappel": "demande à être rappelé",
    "repeter": "demande de répéter",
    "oui": "dit oui",
    "non": "dit non",
    "au-revoir": "dit au revoir",
    "urgence": "signale une urgence",
    "hors-sujet": "parle d'autre chose que la mairie",
}
DECISIONS = {
    Decision.ANSWER: "Répond tout de suite",
    Decision.CONFIRM: "Demande confirmation",
    Decision.CHOOSE: "Propose de choisir entre deux questions",
    Decision.REJECT: "N'a pas compris",
}
REASONS = {
    "form": "les mots ressemblent aux exemples",
    "meaning": "le sens ressemble à celui des exemples",
    "keywords": "un mot-clé est reconnu",
}


@dataclass(frozen=True)
class Said:
    """A text as callers will hear it."""

    about: str
    text: str
    """Numbers in words."""
    seconds: int
    follows: bool = False
    """It is the answer to a question that follows."""

    @property
    def long(self) -> bool:
        """Whether callers will forget its beginning."""
        return self.seconds > LONGEST_ANSWER


# --- checked while one types ---------------------------------------------------------------------


@router.post("/questions/{language}/{entry}/verifier")
async def verify(request: Request, person: web.Admin, own: OwnDesk, sheet: Sent) -> Response:
    """What is wrong with what is typed, field by field, and how it will be said."""
    faults: dict[str, list[str]] = {name: list(one) for name, one in sheet.given.faults.items()}
    notes, edit = [], None
    async with _checking:
        try:
            edit = await asyncio.to_thread(sheet.edit, own.root)
            await asyncio.to_thread(editing.verify, own.root, edit)
        except Conflict as conflict:
            who = await own.author(sheet.language, sheet.entry, conflict.current) or "Quelqu'un"
            notes.append(
                f"{who} vient de modifier cette question. À l'enregistrement, vous verrez les "
                "deux versions."
            )
        except AlreadyBroken as error:
            notes += ["Un fichier modifié à la main a une faute :", *map(str, error.faults[:3])]
        except IvrError as error:
            found: Mapping[str, list[str]] = {"": [str(error)]}
            if edit is not None and isinstance(error, KnowledgeError):
                found = await faults_by_field(own.root, edit, error)
            for name, some in found.items():
                faults.setdefault(name, []).extend(some)
    said, wrong = await asyncio.to_thread(_spoken, own, sheet.given, sheet.language)
    for name, some in wrong.items():
        faults.setdefault(name, some)
    to_fill = []
    if not sheet.version:  # who has just begun is told what is left to do, not what is wrong
        to_fill = [name for name in NAMES if name in faults and not sheet.given.fields.get(name)]
        faults = {name: some for name, some in faults.items() if name not in to_fill}
    count = len(sheet.wanted.get("examples", []))
    return web.page(
        request,
        "questions/verdict.html",
        {
            "faults": faults, "to_fill": to_fill, "notes": notes, "said": said, "names_of": NAMES,
            "examples": count, "wanted": WANTED_EXAMPLES, "longest": LONGEST_ANSWER,
        },
    )  # fmt: skip


def _spoken(own: Desk, given: Given, language: str) -> tuple[list[Said], dict[str, list[str]]]:
    """The answers as said, and what is wrong in their templates."""
    try:
        known = facts(own.root)
    except KnowledgeError:
        return [], {}
    values = known.get(language) or known[REFERENCE]
    said, faults = [], dict[str, list[str]]()
    texts = [("answer", "La réponse", given.fields["answer"])]
    texts += [("offer", "La proposition", given.fields["offer"])]
    texts += [("follow_ups", f"« {one['id']} »", one["answer"]) for one in given.follow_ups]
    for name, about, text in texts:
        try:
            filled = _filled(text, values)
        except TemplateFault as error:
            faults.setdefault(name, []).append(str(error))
            continue
        if filled:
            words = spoken(filled, language)
            seconds = round(len(words) / CHARACTERS_A_SECOND)
            said.append(Said(about, words, seconds, follows=name == "follow_ups"))
    return said, faults


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return render(text[:10_000], values)


# --- heard ---------------------------------------------------------------------------------------


@router.post("/questions/{language}/{entry}/ecouter")
async def listen(request: Request, person: web.Admin, own: OwnDesk, sheet: Sent) -> Response:
    """Have the answer as typed spoken by the voice that callers hear."""
    given, language = sheet.given, sheet.language
    try:
        known = await asyncio.to_thread(facts, own.root)
        texts = [given.fields["answer"], given.fields["offer"]]
        filled = [_filled(one, known.get(language) or known[REFERENCE]) for one in texts]
    except (TemplateFault, KnowledgeError) as error:
        return _listening(request, None, f"Corrigez d'abord la réponse : {error}")
    text = " ".join(one for one in filled if one)
    if not text:
        return _listening(request, None, "Écrivez d'abord une réponse.")
    return _listening(request, own.workshop.listen(text, language))


@router.get("/sons/{name}")
async def sound(request: Request, person: web.Admin, own: OwnDesk, name: str) -> Response:
    """How far a text is (``KEY``), or its sound (``KEY.wav``)."""
    made = own.workshop.listening(name.removesuffix(".wav"))
    if not name.endswith(".wav"):
        return _listening(request, made, "" if made else "Demandez l'écoute à nouveau.")
    if made is None or not made.sound:
        raise HTTPException(404)
    return Response(made.sound, media_type="audio/wav")


def _listening(request: Request, made: Listening | None, fault: str = "") -> Response:
    return web.page(request, "questions/listening.html", {"made": made, "fault": fault})


# --- tried ---------------------------------------------------------------------------------------


@router.post("/questions/{language}/{entry}/essayer")
async def attempt(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, sheet: Sent
) -> Response:
    """What a typed sentence means to the switchboard, with what is typed in the form."""
    phrase = (await request.form()).get("phrase", "")
    text = " ".join(str(phrase).split())[:LONGEST_TRIED]
    if not text:
        return _tried(request, fault="Tapez d'abord une phrase, comme la dirait un appelant.")
    overlay, note = await _overlay(own, sheet)
    tried = _Tried(text, sheet.language, sheet.entry, overlay, note)
    return await _match(request, shared, own, tried)


@router.post("/questions/{language}/{entry}/essayer/son")
async def attempt_aloud(
    request: Request, shared: web.Shared, person: web.Admin, own: OwnDesk, language: str,
    entry: str,
) -> Response:  # fmt: skip
    """The same for a recording (a WAV file), with the question as it is saved."""
    recording = await request.body()
    try:
        heard = await own.workshop.hear(recording, language_named(language))
    except AudioFormatError as error:
        log.warning("a recording of the console cannot be used: %s", error)
        return _tried(request, fault="Cet enregistrement ne peut pas être lu. Réessayez.")
    except IvrError as error:
        return _tried(request, fault=f"La reconnaissance de la parole a échoué : {error}")
    if not heard.text:
        return _tried(request, fault="Aucun mot n'a été reconnu. Parlez plus près du micro.")
    tried = _Tried(heard.text, language, entry, confidence=heard.confidence)
    return await _match(request, shared, own, tried)


@dataclass(frozen=True)
class _Tried:
    """A sentence to try beside an entry."""

    text: str
    language: str
    entry: str
    overlay: Overlay = ()
    note: str = ""
    confidence: float | None = None
    """Of the recognition; None: it was typed."""


async def _overlay(own: Desk, sheet: Sheet) -> tuple[Overlay, str]:
    """The files with what is typed in them; a note when it is tried as it is saved instead."""
    try:
        edit = await asyncio.to_thread(sheet.edit, own.root)
        if version(edit.after) == version(edit.before):
            return (), ""
        await asyncio.to_thread(editing.verify, own.root, edit)
        made = await asyncio.to_thread(editing.drafts, own.root, edit)
    except IvrError:
        return (), (
            "Essayé avec la version enregistrée : ce que vous avez tapé ne peut pas encore être "
            "enregistré."
        )
    note = "Essayé avec vos modifications, qui ne sont pas encore enregistrées."
    return tuple((str(one.file.relative_to(own.root)), one.after) for one in made), note


async def _match(request: Request, shared: web.Parts, own: Desk, tried: _Tried) -> Response:
    knowledge = shared.store.current
    today: date = datetime.now(knowledge.hours.zone).date()
    context = Context(language=tried.language)
    try:
        match = await own.workshop.match(tried.text, context, today, tried.overlay)
    except FaultsFound as error:
        told = "Les fichiers ont une faute, rien ne peut être essayé : "
        return _tried(request, fault=told + str(error.faults[0]))
    except IvrError as error:
        return _tried(request, fault=f"L'essai a échoué : {error}")
    return _tried(
        request,
        match=match,
        note=tried.note,
        confidence=tried.confidence,
        decision=DECISIONS[match.decision],
        candidates=[
            (
                _name(knowledge, one.entry, tried.language),
                round(one.score * 100),
                one.entry == tried.entry,
            )
            for one in match.candidates[:3]
        ],
        reasons=_reasons(match),
    )


def _reasons(match: Match) -> list[tuple[str, int]]:
    """What made the best candidate the best, and by how many parts in a hundred."""
    parts = {name: value for name, value in match.explain.items() if value > 0}
    total = sum(parts.values()) or 1.0
    return [
        (REASONS.get(name, name), round(value / total * 100))
        for name, value in sorted(parts.items(), key=lambda item: -item[1])
    ]


def _name(knowledge: Knowledge, entry: str, language: str) -> str:
    if entry in DIALOGUE_IDS:
        return f"l'appelant {MOVES.get(entry, entry)}"
    known = knowledge.entries_in(language).get(entry)
    return known.title if known else entry


def _tried(request: Request, **shown: Any) -> Response:
    return web.page(request, "questions/tried.html", shown)
