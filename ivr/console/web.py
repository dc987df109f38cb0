"""What every page needs: who is signed in, the templates, one-time messages, safe forms."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Request
from fastapi import Path as Path_
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from jinja2 import pass_context
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.runtime import Context

from ivr.calllog.database import Database
from ivr.calllog.words import LANGUAGES
from ivr.console.accounts import Accounts, Person
from ivr.console.lockout import KnownBrowsers
from ivr.console.records import Records
from ivr.console.search import Search
from ivr.figures.wording import number
from ivr.knowledge.store import Store
from ivr.live.mirror import Mirror
from ivr.settings import Settings

log = logging.getLogger(__name__)

_SIGNS = re.compile(r" ([:;?!»])")
"""A French line does not begin with one of these."""
NO_DATABASE = "La base de données ne répond pas. Rien n'a été changé : réessayez dans un instant."

HERE = Path(__file__).parent
SESSION, FLASH = "session", "message"
"""Names of cookies."""
FAULT = "!"
"""Begins a message that tells what was not done."""
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

MENU = (
    # address, name, for admins alone
    ("/direct", "En direct", False),
    ("/poste", "Mon poste", False),
    ("/rappels", "Rappels", False),
    ("/messages", "Messages", False),
    ("/chiffres", "Chiffres", True),
    ("/questions", "Questions", True),
    ("/a-apprendre", "À apprendre", True),
    ("/reglages", "Réglages", True),
    ("/donnees", "Données personnelles", True),
    ("/compte", "Mon compte", False),
    ("/comptes", "Comptes", True),
    ("/journal", "Journal", True),
)
"""The pages, as the menu lists them."""

templates = Jinja2Templates(HERE / "templates")
templates.env.trim_blocks = templates.env.lstrip_blocks = True


def bound(text: str) -> str:
    """The same, so that no line begins with a French sign or ends with an opening quote."""
    return _SIGNS.sub("\u00a0\\1", text.replace("« ", "«\u00a0"))


class _Bound(Extension):
    """Binds what templates say themselves; what they show is bound by the filter of that name."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            yield token._replace(value=bound(token.value)) if token.type == "data" else token


templates.env.add_extension(_Bound)


@pass_context
def _local(context: Context, moment: datetime, form: str = "%d/%m/%Y à %-H h %M") -> str:
    """A moment on the town's clocks, its hour on one line."""
    return moment.astimezone(context["zone"]).strftime(
        form.replace("à ", "à\u00a0").replace(" h ", "\u00a0h\u00a0")
    )


templates.env.filters["local"] = _local
templates.env.filters["bound"] = bound
templates.env.filters["number"] = number
templates.env.filters["language"] = lambda code: LANGUAGES.get(code, code)


def _menu_of(person: Person) -> list[tuple[str, str]]:
    return [(address, name) for address, name, admins in MENU if person.is_admin or not admins]


def _current(path: str) -> str:
    """Which page of the menu an address belongs to; empty for none."""
    return next((one for one, *_ in MENU if path == one or path.startswith(f"{one}/")), "")


templates.env.globals |= {"menu_of": _menu_of, "current": _current}


@dataclass
class Parts:
    """What the pages share; ``request.app.state.parts``."""

    settings: Settings
    database: Database
    accounts: Accounts
    store: Store
    """The knowledge: ``store.current`` is the last good version."""
    mirror: Mirror
    """What happens on the telephone."""
    browsers: KnownBrowsers
    """That people have signed in from."""
    records: Records
    """Makes changes of files."""
    streams: int = 0
    """Pages that follow it now."""
    search: Search | None = None
    """Made when first needed, for the knowledge of that moment."""
    demonstration: bool = False
    """The database is made up: each page says so."""


class SignInNeeded(Exception):
    """Nobody is signed in: the browser is sent to the sign-in page."""


class Forbidden(Exception):
    """This page is not for whoever is signed in."""


class FormRefused(Exception):
    """A form that did not come from our own page."""


def parts(request: Request) -> Parts:
    """What the pages share."""
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found


async def signed_in(request: Request, shared: Annotated[Parts, Depends(parts)]) -> Person:
    """Whoever is signed in; every form they send is checked. Raises SignInNeeded, FormRefused."""
    token = request.cookies.get(SESSION)
    now, seen = datetime.now(UTC), not is_stream(request)
    person = await shared.accounts.who(token, now, seen=seen) if token else None
    if person is None:
        raise SignInNeeded
    request.state.person = person
    if request.method not in SAFE:
        same_site(request)
        brought = request.headers.get(CSRF_HEADER) or (await request.form()).get(CSRF_FIELD)
        if not isinstance(brought, str) or not hmac.compare_digest(
            brought.encode(), person.csrf.encode()
        ):
            raise FormRefused
    return person


async def admin_only(person: Annotated[Person, Depends(signed_in)]) -> Person:
    """An admin. Raises Forbidden for anybody else."""
    if not person.is_admin:
        raise Forbidden
    return person


def same_site(request: Request) -> None:
    """Refuse a form of another site's page: also where nobody is signed in yet."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FormRefused


Row = Annotated[int, Path_(ge=0, le=2**31 - 1)]
"""The number of a row of a table, in an address: as large as every database can hold."""
Shared = Annotated[Parts, Depends(parts)]
SignedIn = Annotated[Person, Depends(signed_in)]
"""An operator or an admin."""
Admin = Annotated[Person, Depends(admin_only)]


def page(
    request: Request, name: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> Response:
    """A page or a fragment of one: the template with what ``base.html`` needs."""
    shared = parts(request)
    message = request.cookies.get(FLASH) if status == 200 else None
    shown: dict[str, Any] = {
        "person": getattr(request.state, "person", None),
        "demonstration": shared.demonstration,
        "message": unquote(message).removeprefix(FAULT) if message else "",
        "message_class": "fault" if unquote(message or "").startswith(FAULT) else "message",
        "path": request.url.path,
        "unattached": _unattached(getattr(request.state, "person", None), shared),
        "zone": shared.store.current.hours.zone,
        **(context or {}),
    }
    response = templates.TemplateResponse(request, name, shown, status_code=status)
    if message and not is_fragment(request):
        response.delete_cookie(FLASH)
    return response


def sentence(text: str) -> str:
    """What an error says, as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _unattached(person: Person | None, shared: Parts) -> str:
    """Why an operator sees nothing of any department; empty for everybody else."""
    if person is None or person.is_admin:
        return ""
    if not person.extension:
        return "Votre compte n’a pas de poste téléphonique"
    if any(one.extension == person.extension for one in shared.store.current.operators):
        return ""
    return f"Le poste {person.extension} de votre compte n’est pas dans la liste des agents"


def fragment(request: Request, name: str, context: Mapping[str, Any]) -> str:
    """A part of a page, for a page that follows what happens."""
    shown = {
        "person": request.state.person,
        "zone": parts(request).store.current.hours.zone,
        **context,
    }
    return templates.get_template(name).render(shown)


def go_to(request: Request, path: str, message: str = "", *, fault: bool = False) -> Response:
    """After a form: the browser goes to another page, which shows the message once.

    fault: it tells what was not done.
    """
    if is_fragment(request):
        response = Response(headers={"HX-Redirect": path})
    else:
        response = RedirectResponse(path, status_code=303)
    if message:
        set_cookie(request, response, FLASH, quote(FAULT * fault + message), seconds=60)
    return response


def is_fragment(request: Request) -> bool:
    """Whether htmx asks, for a part of a page."""
    return "hx-request" in request.headers


def is_stream(request: Request) -> bool:
    """Whether a page asks by itself to follow what happens: nobody need sit before it."""
    return "text/event-stream" in request.headers.get("accept", "")


def set_cookie(
    request: Request, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """A cookie that no script reads and no other site makes the browser send."""
    response.set_cookie(
        name, value, max_age=seconds, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
