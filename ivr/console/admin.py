"""Accounts, and who changed what: for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from ivr.console import web
from ivr.console.accounts import INVITED_FOR
from ivr.console.passwords import Refused

router = APIRouter()

AUDIT_LINES = 50
"""On one page of the audit."""
AUDIT_KINDS = {
    "": ("tout", None),
    "changements": ("changements et consultations", False),
    "connexions": ("connexions et mots de passe", True),
}
"""What it can be narrowed to: its name, and whether sign-ins are shown."""
Field = Annotated[str, Form(max_length=200)]


@router.get("/")
async def home(request: Request, person: web.SignedIn) -> Response:
    """Where one begins: admins with the calls in progress, operators at their desk."""
    return RedirectResponse("/direct" if person.is_admin else "/poste", status_code=303)


@router.get("/compte")
async def own(request: Request, person: web.SignedIn) -> Response:
    return web.page(request, "admin/own.html")


@router.get("/comptes")
async def accounts(request: Request, shared: web.Shared, person: web.Admin) -> Response:
    return await _accounts(request, shared)


@router.post("/comptes")
async def add(
    request: Request, shared: web.Shared, person: web.Admin, identifiant: Field, nom: Field,
    role: Field, poste: Field = "",
) -> Response:  # fmt: skip
    try:
        token = await shared.accounts.add(
            identifiant, nom, role, poste.strip() or None, by=person.login, now=datetime.now(UTC)
        )
    except Refused as error:
        given = {"identifiant": identifiant, "nom": nom, "role": role, "poste": poste}
        return await _accounts(request, shared, fault=str(error), given=given)
    return await _accounts(request, shared, link=_link(request, token), invited=identifiant)


@router.post("/comptes/{account_id}")
async def change(
    request: Request, shared: web.Shared, person: web.Admin, account_id: web.Row, role: Field,
    poste: Field = "", desactive: bool = Form(False),
) -> Response:  # fmt: skip
    try:
        await shared.accounts.change(
            account_id, role=role, extension=poste.strip() or None, disabled=desactive, by=person,
            now=datetime.now(UTC),
        )  # fmt: skip
    except Refused as error:
        return await _accounts(request, shared, fault=str(error))
    return web.go_to(request, "/comptes", "Le compte est modifié.")


@router.post("/comptes/{account_id}/invitation")
async def invite(
    request: Request, shared: web.Shared, person: web.Admin, account_id: web.Row
) -> Response:
    try:
        token = await shared.accounts.invite(account_id, person.login, datetime.now(UTC))
    except Refused as error:
        return await _accounts(request, shared, fault=str(error))
    return await _accounts(request, shared, link=_link(request, token))


@router.get("/journal")
async def audit(
    request: Request,
    shared: web.Shared,
    person: web.Admin,
    avant: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    quoi: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    lines = await shared.accounts.audited(
        before_id=avant, limit=AUDIT_LINES, sign_ins=AUDIT_KINDS.get(quoi, ("", None))[1]
    )
    context = {
        "lines": lines,
        "more": len(lines) == AUDIT_LINES,
        "kinds": AUDIT_KINDS,
        "kind": quoi,
        "days": shared.settings.retention.audit,
    }
    return web.page(request, "admin/audit.html", context)


async def _accounts(
    request: Request, shared: web.Parts, *, fault: str = "", link: str = "", invited: str = "",
    given: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    context = {
        "accounts": await shared.accounts.accounts(),
        "fault": fault,
        "link": link,
        "invited": invited,
        "given": given or {},
        "days": INVITED_FOR.days,
        "extensions": {one.extension for one in shared.store.current.operators},
    }
    return web.page(request, "admin/accounts.html", context, 422 if fault else 200)


def _link(request: Request, token: str) -> str:
    return str(request.url_for("invitation_page", token=token))
