"""Server-sent events: parts of a page, sent again when they are otherwise than before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from urllib.parse import quote

from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse

from ivr.console import web
from ivr.errors import CallLogError, IvrError
from ivr.live.mirror import Mirror, View

log = logging.getLogger(__name__)

MOST = 200
"""Pages that follow the telephone at once."""
LONGEST_S = 900.0
"""Then the stream ends, and the browser begins another."""
QUIET_S = 10.0
"""Something is sent at least so often: a browser that has left is noticed, and a page that hears
nothing for longer says so."""
PACE_S = 0.2
"""Between two looks at what has changed."""
CHECK_S = 30.0
"""Between two looks whether the session goes on."""
SIGNED_OUT = "signed-out"
"""Sent when the session is over; the page then closes the stream and says so."""
BEAT = "beat"
"""Sent when nothing else is, so that the page knows that it is still told of what happens."""

TROUBLE = "trouble"
"""Sent when the page cannot be renewed, and, empty, when it can again."""
_TROUBLE = (
    '<p class="fault">La base de données ne répond pas : ce que cette page montre date un peu. '
    "Elle reprend toute seule.</p>"
)

Render = Callable[[View], Awaitable[Mapping[str, str]]]
"""The parts of a page: HTML by the event's name."""


def stream(request: Request, render: Render) -> StreamingResponse:
    """Send the parts of a page now and whenever they change. Raises the page 503 when full."""
    shared, person = web.parts(request), request.state.person
    if shared.streams >= MOST:
        raise HTTPException(503)
    token = request.cookies.get(web.SESSION, "")

    async def goes_on() -> str | None:
        try:
            found = await shared.accounts.who(token, datetime.now(UTC), seen=False)
        except CallLogError as error:
            log.warning("whether a session goes on cannot be seen: %s", error)
            return None
        if found is None:
            return over(request)
        return None if found == person else ""

    async def counted() -> AsyncIterator[str]:
        shared.streams += 1
        try:
            async for text in changes(shared.mirror, render, goes_on):
                yield text
        finally:
            shared.streams -= 1

    return _events(counted())


def refused(request: Request) -> StreamingResponse:
    """For a page that would follow what happens, and whose session is over: it says so."""

    async def once() -> AsyncIterator[str]:
        yield over(request)

    return _events(once())


def over(request: Request) -> str:
    """The event that tells a page that its session is over."""
    page = request.url.path.removesuffix("/flux")
    again = f'<a href="/connexion?suite={quote(page)}">Reconnectez-vous</a>'
    return event(SIGNED_OUT, f'<p class="fault">Votre session est terminée. {again}.</p>')


def _events(texts: AsyncIterator[str]) -> StreamingResponse:
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold events back
    return StreamingResponse(texts, media_type="text/event-stream", headers=headers)


async def changes(
    mirror: Mirror, render: Render, goes_on: Callable[[], Awaitable[str | None]]
) -> AsyncIterator[str]:
    """The events of one stream, until its time or its session is over.

    goes_on: None while the session does; else the last event, if any: what an account may see has
    changed, and the browser begins another stream.
    """
    sent: dict[str, str] = {}
    ends, check = monotonic() + LONGEST_S, monotonic() + CHECK_S
    yield "retry: 2000\n\n"
    async for view in mirror.changes(QUIET_S):
        if monotonic() >= check:
            check = monotonic() + CHECK_S
            if (last := await goes_on()) is not None:
                yield last
                return
        try:
            now = {TROUBLE: "", **await render(view)}
        except IvrError as error:
            log.warning("a page that is followed cannot be renewed: %s", error)
            now = {TROUBLE: _TROUBLE}
        fresh = {name: text for name, text in now.items() if sent.get(name) != text}
        sent |= fresh
        for name, text in fresh.items():
            yield event(name, text)
        if not fresh:
            yield event(BEAT, "")
        if monotonic() >= ends:
            return
        await asyncio.sleep(PACE_S)


def event(name: str, text: str) -> str:
    """One event on the wire."""
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{data}\n"
