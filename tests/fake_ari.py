"""A small Asterisk on the wire: ARI and the media websocket, with faults on demand.

It speaks the real protocols over real sockets. Its media queue plays only when told to (``tick``),
so that tests need no clock.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from ivr.asterisk.ari import AriAddress
from ivr.audio.form import FRAME_BYTES

APP = "allo-mairie"
USER, PASSWORD = "allo-mairie", "s3cr3t-of-the-test"
XOFF, XON, FULL = 900, 800, 1000


@dataclass
class FakeMedia:
    """One media websocket: what chan_websocket does with it."""

    socket: web.WebSocketResponse
    queue: deque[bytes | str] = field(default_factory=deque)
    """Frames, and ids of marks between them."""
    played: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """As they came, for their exact size."""
    largest: int = 0
    """Bytes in the largest sound message."""
    lost_frames: int = 0
    """Dropped because the queue was full."""
    most: int = 0
    """Frames queued at once, at most."""
    full: bool = False
    frame_size: int = FRAME_BYTES
    answers_status: bool = True
    closed: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def frames(self) -> int:
        return sum(isinstance(item, bytes) for item in self.queue)

    async def until(self, condition: Callable[[FakeMedia], bool]) -> None:
        """Wait until what has come satisfies a condition."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: condition(self))

    async def until_closed(self) -> None:
        """Wait until the application has closed the socket."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.closed)

    async def say(self, **message: Any) -> None:
        """Send a control event."""
        await self.socket.send_str(json.dumps(message))

    async def tick(self, frames: int = 1) -> None:
        """Let time pass: one frame is played, as are the marks before it."""
        for _ in range(frames):
            if self.full and self.frames < XON:
                self.full = False
                await self.say(event="MEDIA_XON")
            while self.queue and isinstance(self.queue[0], str):
                await self.say(event="MEDIA_MARK_PROCESSED", correlation_id=self.queue.popleft())
            if self.queue:
                frame = self.queue.popleft()
                assert isinstance(frame, bytes)
                self.played.append(frame)

    async def serve(self) -> None:
        await self.say(
            event="MEDIA_START",
            connection_id="x",
            format="slin16",
            optimal_frame_size=self.frame_size,
        )
        async for message in self.socket:
            if message.type is WSMsgType.BINARY:
                await self._sound(message.data)
            elif message.type is WSMsgType.TEXT:
                self.commands.append(message.data)
                if len(message.data.encode()) <= 128:  # longer ones are dropped
                    await self._command(**json.loads(message.data))
            async with self.changed:
                self.changed.notify_all()
        async with self.changed:
            self.closed = True
            self.changed.notify_all()

    async def _sound(self, data: bytes) -> None:
        self.largest = max(self.largest, len(data))
        assert len(data) % FRAME_BYTES == 0
        for start in range(0, len(data), FRAME_BYTES):
            if self.frames >= FULL:
                self.lost_frames += 1
                continue
            self.queue.append(data[start : start + FRAME_BYTES])
            self.most = max(self.most, self.frames)
            if self.frames >= XOFF and not self.full:
                self.full = True
                await self.say(event="MEDIA_XOFF")

    async def _command(self, command: str, correlation_id: str = "") -> None:
        if command == "MARK_MEDIA":
            self.queue.append(correlation_id)
        elif command == "FLUSH_MEDIA":
            self.queue.clear()
        elif command == "GET_STATUS" and self.answers_status:
            await self.say(event="STATUS", queue_length=self.frames)


@dataclass
class FakeAri:
    """What the server was asked, and what it shall do."""

    port: int = 0
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Method, path with query, body."""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and body by ``METHOD /path``; 200 ``{}`` otherwise."""
    sockets: asyncio.Queue[web.WebSocketResponse] = field(default_factory=asyncio.Queue)
    """Event sockets, as they are opened."""
    events: web.WebSocketResponse | None = None
    """The one that ``tell`` uses: the first, until it is dropped."""
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What there is, by id."""
    bridges: list[str] = field(default_factory=list)
    media: asyncio.Queue[FakeMedia] = field(default_factory=asyncio.Queue)
    """Media sockets, as they are opened."""
    starts_media: bool = True
    frame_size: int = FRAME_BYTES
    """What its media asks for."""
    late_media: int = 0
    """Times that a media channel is not in the application yet when it shall join a bridge."""
    answers_pings: bool = True
    password: str = PASSWORD
    refused: int = 0
    """Requests with a wrong password."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    open: set[web.WebSocketResponse] = field(default_factory=set)

    @property
    def address(self) -> AriAddress:
        """How to reach it with the right password."""
        return AriAddress("127.0.0.1", self.port, USER, PASSWORD)

    async def tell(self, kind: str, identity: str, **more: Any) -> None:
        """Report that a channel enters, leaves, or does something."""
        if self.events is None:
            self.events = await self.sockets.get()
        if kind == "StasisStart":
            self.channels[identity] = more.get("channel") or channel(identity)
        elif kind in ("StasisEnd", "ChannelDestroyed"):
            self.channels.pop(identity, None)
        await self.events.send_str(event(kind, identity, **more))

    async def drop_events(self) -> None:
        """Close the event socket."""
        if self.events is None:
            self.events = await self.sockets.get()
        events, self.events = self.events, None
        await events.close()

    async def next_media(self) -> FakeMedia:
        """The next media socket to be opened."""
        async with asyncio.timeout(5):
            return await self.media.get()

    def count(self, method: str, path: str) -> int:
        """Requests so far whose path begins so."""
        return sum(m == method and p.startswith(path) for m, p, _ in self.requests)

    async def until_asked(self, method: str, path: str, times: int = 1) -> None:
        """Wait until such requests have come; the path may be a beginning."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: self.count(method, path) >= times)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/media/"):
            return await self._media(request)
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != f"{USER}:{self.password}":
            self.refused += 1
            return web.json_response({"message": "Authentication required"}, status=401)
        if request.path == "/ari/events":
            return await self._events(request)
        path = request.path.removeprefix("/ari")
        body = await request.json() if request.can_read_body else {}
        async with self.changed:
            self.requests.append((request.method, request.path_qs.removeprefix("/ari"), body))
            self.changed.notify_all()
        if self.late_media and path.endswith("/addChannel") and "-media-" in body["channel"]:
            self.late_media -= 1
            return web.json_response({"message": "Channel not in Stasis"}, status=422)
        status, text = self.answers.get(
            f"{request.method} {path}", (200, json.dumps(self._default(path, body)))
        )
        return web.Response(status=status, text=text, content_type="application/json")

    def _default(self, path: str, body: dict[str, Any]) -> Any:
        match path:
            case "/channels/externalMedia":
                given_id = {"MEDIA_WEBSOCKET_CONNECTION_ID": "m1"}
                return {"id": body["channelId"], "channelvars": given_id}
            case "/channels":
                return list(self.channels.values())
            case "/bridges":
                return [{"id": name} for name in self.bridges]
            case _:
                return {}

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        self.open.add(socket)
        self.requests.append(("WS", request.path_qs.removeprefix("/ari"), {}))
        self.sockets.put_nowait(socket)
        async for _ in socket:
            pass
        self.open.discard(socket)
        return socket

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if answer := self.answers.get(f"GET {request.path}"):
            return web.Response(status=answer[0], text=answer[1])
        socket = web.WebSocketResponse(protocols=["media"])
        await socket.prepare(request)
        self.open.add(socket)
        media = FakeMedia(socket, frame_size=self.frame_size)
        self.media.put_nowait(media)
        if self.starts_media:
            await media.serve()
        else:
            async for _ in socket:
                pass
        self.open.discard(socket)
        return socket


@asynccontextmanager
async def fake_ari(port: int = 0) -> AsyncIterator[FakeAri]:
    """The server, on a free port of loopback unless told which."""
    fake = FakeAri()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    fake.port = runner.addresses[0][1]
    try:
        yield fake
    finally:
        for socket in tuple(fake.open):
            await socket.close()
        await runner.cleanup()


def channel(identity: str, **more: Any) -> dict[str, Any]:
    """A channel as ARI describes it."""
    return {
        "id": identity,
        "name": f"PJSIP/trunk-{identity}",
        "state": "Up",
        "protocol_id": "x",
        "caller": {"name": "", "number": "0612345678"},
        "connected": {"name": "", "number": ""},
        "accountcode": "",
        "dialplan": {
            "context": "inbound",
            "exten": "0232000000",
            "priority": 2,
            "app_name": "Stasis",
            "app_data": "allo-mairie",
        },
        "creationtime": "2026-03-20T10:00:00.000+0000",
        "language": "fr",
        **more,
    }


def event(kind: str, identity: str, **more: Any) -> str:
    """An event about a channel, as ARI sends it."""
    return json.dumps(
        {
            "type": kind,
            "timestamp": "2026-03-20T10:00:00.000+0000",
            "channel": channel(identity),
            "asterisk_id": "x",
            "application": "allo-mairie",
            **more,
        }
    )


async def until_raised(receive: Callable[[], Awaitable[object]]) -> None:
    """Receive for ever, that is until it raises."""
    while True:
        await receive()
