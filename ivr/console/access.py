"""Signing in and out, invitations, one's own password."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from ivr.console import web
from ivr.console.accounts import GONE
from ivr.console.lockout import KNOWN_FOR, Visitor
from ivr.console.passwords import SHORTEST, Refused

router = APIRouter()

Field = Annotated[str, Form(max_length=500)]
PASSWORDS = frozenset({"mot_de_passe", "actuel", "nouveau", "encore"})
"""Fields that no page shows again."""
_PATH = re.compile(r"/(?!/)[^\x00-\x20\x7f\\]*")


@router.get("/connexion")
async def sign_in_page(request: Request, suite: str = "/") -> Response:
    return web.page(request, "access/sign_in.html", {"suite": _within(suite)})


@router.post("/connexion")
async def sign_in(
    request: Request,
    shared: web.Shared,
    identifiant: Field,
    mot_de_passe: Field,
    suite: Field = "/",
) -> Response:
    web.same_site(request)
    visitor = _visitor(request, shared, identifiant)
    try:
        token = await shared.accounts.sign_in(identifiant, mot_de_passe, visitor, datetime.now(UTC))
    except Refused as error:
        context = {"suite": _within(suite), "login": identifiant, "fault": str(error)}
        return web.page(request, "access/sign_in.html", context, 403)
    return _inside(request, shared, identifiant, token, _within(suite))


@router.post("/deconnexion")
async def sign_out(request: Request, shared: web.Shared, person: web.SignedIn) -> Response:
    visitor = _visitor(request, shared, person.login)
    await shared.accounts.sign_out(request.cookies[web.SESSION], person, visitor, datetime.now(UTC))
    response = web.go_to(request, "/connexion", "Vous êtes déconnecté.")
    response.delete_cookie(web.SESSION)
    return response


@router.get("/invitation/{token}")
async def invitation_page(request: Request, shared: web.Shared, token: str) -> Response:
    login = await shared.accounts.invited(token, datetime.now(UTC))
    if login is None:
        return _password_page(request, login=None, fault=GONE, status=404)
    return _password_page(request, login=login)


@router.post("/invitation/{token}")
async def accept_invitation(
    request: Request, shared: web.Shared, token: str, nouveau: Field, encore: Field
) -> Response:
    web.same_site(request)
    now = datetime.now(UTC)
    invited = await shared.accounts.invited(token, now)
    visitor = _visitor(request, shared, invited or "")
    try:
        login, session = await shared.accounts.accept(token, _twice(nouveau, encore), visitor, now)
    except Refused as error:
        return _password_page(request, login=invited, fault=str(error), status=422)
    return _inside(request, shared, login, session, "/")


@router.get("/mot-de-passe")
async def password_page(request: Request, person: web.SignedIn) -> Response:
    return _password_page(request, login=person.login)


@router.post("/mot-de-passe")
async def change_password(
    request: Request, shared: web.Shared, person: web.SignedIn, actuel: Field, nouveau: Field,
    encore: Field,
) -> Response:  # fmt: skip
    visitor = _visitor(request, shared, person.login)
    try:
        session = await shared.accounts.change_password(
            person, actuel, _twice(nouveau, encore), visitor, datetime.now(UTC)
        )
    except Refused as error:
        return _password_page(request, login=person.login, fault=str(error), status=422)
    response = _inside(request, shared, person.login, session, "/")
    told = quote("Votre mot de passe est changé.")
    web.set_cookie(request, response, web.FLASH, told, seconds=60)
    return response


def _password_page(
    request: Request, *, login: str | None, fault: str = "", status: int = 200
) -> Response:
    context = {"login": login, "fault": fault, "shortest": SHORTEST}
    return web.page(request, "access/password.html", context, status)


def _visitor(request: Request, shared: web.Parts, login: str) -> Visitor:
    """Where a request comes from that concerns an account."""
    known = request.cookies.get(shared.browsers.cookie(login))
    address = request.client.host if request.client else ""
    return Visitor(address, shared.browsers.mark(login, known))


def _inside(request: Request, shared: web.Parts, login: str, token: str, path: str) -> Response:
    """Somebody is signed in; from now on this browser is known for their account."""
    response = RedirectResponse(path, status_code=303)
    web.set_cookie(request, response, web.SESSION, token)
    seconds = int(KNOWN_FOR.total_seconds())
    browsers = shared.browsers
    web.set_cookie(request, response, browsers.cookie(login), browsers.new(login), seconds)
    return response


def _twice(new: str, again: str) -> str:
    if new != again:
        raise Refused("Les deux mots de passe ne sont pas les mêmes.")
    return new


def _within(path: str) -> str:
    """A path of this console; never another site's address, however a browser may read it."""
    return path if _PATH.fullmatch(path) else "/"
