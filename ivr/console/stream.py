"""Server-sent events: parts of a page, sent again when they are otherwise than before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic

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
"""Something is sent at least so often: a browser that has left is noticed."""
PACE_S = 0.2
"""Between two looks at what has changed."""
CHECK_S = 30.0
"""Between two looks whether the session goes on."""
SIGNED_OUT = "signed-out"
"""Sent when the session is over; the page then closes the stream and says so."""
_OVER = (
    '<p class="fault">Votre session est terminée. <a href="/connexion">Reconnectez-vous</a>.</p>'
)

Render = Callable[[View], Awaitable[Mapping[str, str]]]
"""The parts of a page: HTML by the event's name."""


def stream(request: Request, render: Render) -> StreamingResponse:
    """Send the parts of a page now and whenever they change. Raises the page 503 when full."""
    shared, person = web.parts(request), request.state.person
    if shared.streams >= MOST:
        raise HTTPException(503)
    token = request.cookies.get(web.SESSION, "")

    async def goes_on() -> bool:
        try:
            found = await shared.accounts.who(token, datetime.now(UTC), seen=False)
        except CallLogError as error:
            log.warning("whether a session goes on cannot be seen: %s", error)
            return True
        return bool(found == person)

    async def counted() -> AsyncIterator[str]:
        shared.streams += 1
        try:
            async for text in changes(shared.mirror, render, goes_on):
                yield text
        finally:
            shared.streams -= 1

    headers = {"X-Accel-Buffering": "no"}  # nginx would hold events back
    return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)


async def changes(
    mirror: Mirror, render: Render, goes_on: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """The events of one stream, until its time or its session is over."""
    sent: dict[str, str] = {}
    ends, check = monotonic() + LONGEST_S, monotonic() + CHECK_S
    yield "retry: 2000\n\n"
    async for view in mirror.changes(QUIET_S):
        if monotonic() >= check:
            check = monotonic() + CHECK_S
            if not await goes_on():
                yield event(SIGNED_OUT, _OVER)
                return
        try:
            now = await render(view)
        except IvrError as error:
            log.warning("a page that is followed cannot be renewed: %s", error)
            now = {}
        fresh = {name: text for name, text in now.items() if sent.get(name) != text}
        sent |= fresh
        for name, text in fresh.items():
            yield event(name, text)
        if not fresh:
            yield ":\n\n"
        if monotonic() >= ends:
            return
        await asyncio.sleep(PACE_S)


def event(name: str, text: str) -> str:
    """One event on the wire."""
    data = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{data}\n"
