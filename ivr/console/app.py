"""The console as a web application.

How to add a group of pages: a module here with a ``router = APIRouter()``, listed in ``ROUTERS``;
its templates in ``templates/<group>/``, each extending ``base.html`` (blocks ``title`` and
``content``; fragments for htmx extend nothing). A route asks for ``web.SignedIn`` or ``web.Admin``,
which give who is signed in and check every form, and for ``web.Shared``; it answers with
``web.page``, and after a form with ``web.go_to``. Each form has ``{{ csrf() }}`` (import it from
``macros.html``), and htmx sends the same by a header that ``base.html`` sets. What changes
something is told to ``shared.accounts.audit``. No page has a script or a style of its own: they go
into ``static/console.js`` and ``static/console.css``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from ivr.calllog.database import Database
from ivr.console import (
    access,
    admin,
    callback_pages,
    data_pages,
    department_pages,
    desk_pages,
    figures_pages,
    hours_pages,
    learning,
    live_pages,
    message_pages,
    operator_pages,
    question_history,
    question_tools,
    questions,
    settings_pages,
    stream,
    web,
)
from ivr.console.accounts import Accounts
from ivr.console.desk import open_desk
from ivr.console.lockout import KnownBrowsers
from ivr.console.records import Records
from ivr.dialogue.prompts import PROMPTS
from ivr.errors import CallLogError, IvrError
from ivr.figures.keeper import keep_days
from ivr.figures.mail import send_daily
from ivr.knowledge.store import Store
from ivr.live.line import connect
from ivr.live.mirror import Mirror
from ivr.secrets import load_or_create
from ivr.settings import Settings

log = logging.getLogger(__name__)

ROUTERS = (
    access.router,
    admin.router,
    live_pages.router,
    desk_pages.router,
    callback_pages.router,
    message_pages.router,
    figures_pages.router,
    questions.router,
    question_history.router,
    question_tools.router,
    learning.router,
    settings_pages.router,
    operator_pages.router,
    department_pages.router,
    hours_pages.router,
    data_pages.router,
)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; media-src 'self' blob:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LARGEST = 2_000_000
"""Bytes of a request: the longest form, or half a minute of speech."""

BUSY_MS = 3_000
"""A page waits so long for a locked database before it says so, in ms."""

_TOLD = {
    403: "Cette page n'est pas ouverte à votre compte.",
    404: "Cette page n'existe pas, ou n'existe plus.",
    405: "Cette page ne sait pas faire cela.",
    413: "Ce que vous avez envoyé est trop grand.",
    422: "Le formulaire est incomplet, ou un champ contient une valeur impossible.",
}


def create_app(settings: Settings, *, demonstration: bool = False) -> FastAPI:
    """The console of one switchboard. ``demonstration``: its database is made up."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        kept = settings.paths.var / "knowledge.good.console"
        store = Store(settings.paths.knowledge, prompts=PROMPTS, kept=kept)
        database = await asyncio.to_thread(Database, settings.database_url, busy_ms=BUSY_MS)
        accounts = Accounts(database, settings.console)
        secrets = load_or_create(settings.paths.var)
        redis = None if demonstration else connect(settings, secrets)
        mirror, browsers = Mirror(redis), KnownBrowsers(secrets.pseudonyms)
        records = Records(database, settings.paths.var)
        app.state.parts = web.Parts(
            settings, database, accounts, store, mirror, browsers, records,
            demonstration=demonstration,
        )  # fmt: skip
        async with open_desk(settings, database, records) as desk:
            app.state.desk = desk
            watching = {
                asyncio.create_task(store.watch(desk.noticed)),
                asyncio.create_task(mirror.run()),
                asyncio.create_task(keep_days(settings.database_url, lambda: store.current)),
            }
            if not demonstration:
                summaries = send_daily(settings.database_url, settings.mail, lambda: store.current)
                watching.add(asyncio.create_task(summaries))
            try:
                yield
            finally:
                for task in watching:
                    task.cancel()
                await asyncio.wait(watching)
        if redis is not None:
            await redis.aclose()
        await database.close()

    app = FastAPI(
        title="Allô Mairie", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.mount("/static", StaticFiles(directory=web.HERE / "static"), name="static")
    for router in ROUTERS:
        app.include_router(router)
    app.middleware("http")(_careful)
    app.add_exception_handler(web.SignInNeeded, _sign_in)
    app.add_exception_handler(web.Forbidden, _told(403))
    app.add_exception_handler(web.FormRefused, _form_refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _told(422))
    app.add_exception_handler(IvrError, _failed)
    return app


async def _careful(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Bound what comes in; tell the browser what our pages never do."""
    length = request.headers.get("content-length", "0")
    unknown = "transfer-encoding" in request.headers  # no browser sends a form so
    if unknown or not length.isdigit() or int(length) > LARGEST:
        response = _error(request, 413, _TOLD[413])
    else:
        try:
            response = await call_next(request)
        except OverflowError:  # a number too large for any table: there is no such row
            response = _error(request, 404, _TOLD[404])
        except Exception as error:  # noqa: BLE001  # told to the reader, and logged there
            response = await _failed(request, error)
    for name, value in HEADERS.items():
        response.headers[name] = value
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


# --- what goes wrong, told in French ------------------------------------------------------------


def _error(
    request: Request, status: int, told: str, typed: Sequence[str] = (), back: str = "/"
) -> Response:
    """A page, or for htmx a line that the page puts on top.

    typed: what they had written, to be copied; back: where to go on.
    """
    name = "error_line.html" if web.is_fragment(request) else "error.html"
    context = {"told": told, "status": status, "typed": typed, "back": back}
    response = web.page(request, name, context, status)
    if web.is_fragment(request):
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#messages", "innerHTML"
    return response


def _told(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return _error(request, status, _TOLD[status])

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _error(request, status, _TOLD.get(status, "Cela n'a pas marché."))


async def _sign_in(request: Request, error: Exception) -> Response:
    """To the sign-in page, and back to where one was; nothing that was written is lost."""
    if web.is_stream(request):
        return stream.refused(request)
    back = request.url.path
    if request.url.query:
        back += f"?{request.url.query}"
    where = "/connexion" if request.method != "GET" or back == "/" else (
        f"/connexion?suite={quote(back)}"
    )  # fmt: skip
    if web.is_fragment(request):
        told = (
            "Votre session a expiré. Copiez ce que vous voulez garder de votre saisie, puis "
            "rechargez la page pour vous reconnecter."
        )
        return _error(request, 401, told)
    if typed := await _typed(request):
        told = "Votre session a expiré : rien n'a été enregistré."
        return _error(request, 401, told, typed, "/connexion")
    return RedirectResponse(where, status_code=303)


async def _form_refused(request: Request, error: Exception) -> Response:
    told = "Ce formulaire a expiré. Rechargez la page, puis recommencez : rien n'a été changé."
    return _error(request, 403, told, await _typed(request))


async def _typed(request: Request) -> list[str]:
    """The prose in a form of our own pages; another site's is not shown under our name."""
    origin = urlsplit(request.headers.get("origin", "")).netloc
    if request.method in web.SAFE or origin != request.headers.get("host"):
        return []
    values = (
        value.strip()
        for name, value in (await request.form()).multi_items()
        if isinstance(value, str) and name not in access.PASSWORDS
    )
    return [value for value in values if " " in value or "\n" in value]


async def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, CallLogError):
        log.error("%s %s: %s", request.method, request.url.path, error)
        return _error(request, 503, web.NO_DATABASE)
    if isinstance(error, IvrError):
        log.warning("%s %s: %s", request.method, request.url.path, error)
        return _error(request, 422, str(error))
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    now = datetime.now(web.parts(request).store.current.hours.zone)
    told = (
        f"Une erreur est survenue de notre côté, le {now:%d/%m/%Y à %-H h %M}. "
        "Le journal de la console la décrit."
    )
    return _error(request, 500, told)
