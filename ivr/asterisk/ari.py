"""A thin asynchronous client of Asterisk's REST interface (ARI): typed answers, ordered events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from pydantic import TypeAdapter, ValidationError

from ivr.asterisk.ari_messages import (
    ApplicationReplaced,
    Bridge,
    Channel,
    Event,
    MediaChannel,
    NotUnderstood,
    Refusal,
    StasisStart,
    Variable,
    parse_event,
)
from ivr.errors import AriRefused, AsteriskError, CallerGone, IvrError

log = logging.getLogger(__name__)

REQUEST_TIMEOUT = 5.0
"""Seconds for one request; Asterisk answers on loopback in a few milliseconds."""
HEARTBEAT = 10.0
"""Seconds between pings on the event socket; without an answer it is taken for dead."""
FIRST_RETRY, LONGEST_RETRY = 0.25, 8.0
"""Seconds between attempts to connect, doubled after each failure."""
KEEP_ALIVE = 10.0
"""Seconds an idle connection is kept: less than Asterisk's 15, so that it never closes first."""
GONE = frozenset({404, 409, 412, 422})
"""Answers about a channel that has left us: unknown, or no longer in our application."""

T = TypeVar("T")
_CHANNELS = TypeAdapter(tuple[Channel, ...])
_BRIDGES = TypeAdapter(tuple[Bridge, ...])
_MEDIA_CHANNEL = TypeAdapter(MediaChannel)
_VARIABLE = TypeAdapter(Variable)
_REFUSAL = TypeAdapter(Refusal)


@dataclass(frozen=True)
class AriAddress:
    """Where ARI is and who we are to it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def http(self) -> str:
        """Base URL of the requests, without credentials."""
        return f"http://{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Connected:
    """The event socket is open; what happened before it opened was not reported."""


class AriStatus(AsteriskError):
    """Asterisk answered a request with an error status."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"Asterisk refused to {what}: {message or 'no reason given'} ({status})")
        self.status = status
        self.message = message


class Ari:
    """One application's connection to ARI; an asynchronous context manager.

    Requests that concern a caller's channel raise CallerGone when it has left; all raise
    AriRefused for a wrong password and AsteriskError when Asterisk is away or answers nonsense.
    """

    def __init__(self, address: AriAddress, app: str) -> None:
        self.address = address
        self.app = app
        self.listening = False
        """Asterisk sends its events, and hands its calls to us."""
        self._watchers: dict[str, Callable[[Event], None]] = {}
        self._complained: set[str] = set()
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        credentials = aiohttp.encode_basic_auth(self.address.user, self.address.password)
        self._http = aiohttp.ClientSession(
            headers={"Authorization": credentials},
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._http:
            await self._http.close()

    # Events

    def watch(self, channel_id: str, callback: Callable[[Event], None]) -> None:
        """Give a channel's events to ``callback``, in order, instead of to ``listen``.

        Its StasisStart is not among them: that one opens a call and always comes from ``listen``.
        """
        self._watchers[channel_id] = callback

    def unwatch(self, channel_id: str, callback: Callable[[Event], None]) -> None:
        """Undo ``watch``, unless somebody else watches this channel by now."""
        if self._watchers.get(channel_id) == callback:
            del self._watchers[channel_id]

    async def listen(self) -> AsyncGenerator[Event | Connected, None]:
        """Events of the application for ever, reconnecting at growing intervals.

        ``Connected`` comes first after each connection: nothing is replayed, so the caller must
        then compare what it knows with ``channels()``. The body of the loop must not wait.
        Raises AriRefused for a wrong password, AsteriskError when another process takes over.
        """
        wait = FIRST_RETRY
        while True:
            opened = None
            try:
                async with self._session.ws_connect(
                    f"{self.address.http}/ari/events",
                    params={"app": self.app, "subscribeAll": "false"},
                    heartbeat=HEARTBEAT,
                    max_msg_size=0,
                ) as socket:
                    opened = asyncio.get_running_loop().time()
                    log.info("listening to Asterisk at %s as %r", self.address, self.app)
                    self.listening = True
                    yield Connected()
                    async for message in socket:
                        event = self._understand(message)
                        if event and not self._watched(event):
                            yield event
                reason = f"the connection was closed ({socket.close_code})"
            except aiohttp.WSServerHandshakeError as error:
                self._check_refusal(error.status)
                reason = f"it answered {error.status}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = _reason(error)
            finally:
                self.listening = False
            if opened and asyncio.get_running_loop().time() - opened > LONGEST_RETRY:
                wait = FIRST_RETRY
            log.warning(
                "Asterisk at %s does not send events: %s; trying again in %g s",
                self.address,
                reason,
                wait,
            )
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_RETRY)

    def _understand(self, message: aiohttp.WSMessage) -> Event | None:
        if message.type is not aiohttp.WSMsgType.TEXT:
            self._complain("binary", "Asterisk sent an event that is not text")
            return None
        try:
            event = parse_event(message.data)
        except NotUnderstood as error:
            if not error.unused:
                self._complain(error.key, f"Asterisk sent an event that makes no sense: {error}")
            return None
        if isinstance(event, ApplicationReplaced) and event.application == self.app:
            raise AsteriskError(
                f"another process has taken over the application {self.app!r} in Asterisk; "
                "stop one of the two"
            )
        return event

    def _watched(self, event: Event) -> bool:
        if isinstance(event, StasisStart | ApplicationReplaced):
            return False
        if watcher := self._watchers.get(event.channel.id):
            watcher(event)
        return watcher is not None

    def _complain(self, key: str, message: str) -> None:
        if key not in self._complained and len(self._complained) < 100:
            self._complained.add(key)
            log.warning("%s (ignored, and not reported again)", message)

    # Requests

    async def ping(self) -> None:
        """Check that Asterisk is there and accepts our password."""
        await self._ask("GET", "/asterisk/ping", "answer")

    async def channels(self) -> tuple[Channel, ...]:
        """All channels of Asterisk, ours or not."""
        return self._parsed(_CHANNELS, await self._ask("GET", "/channels", "list its channels"))

    async def bridges(self) -> tuple[Bridge, ...]:
        """All bridges of Asterisk, ours or not."""
        return self._parsed(_BRIDGES, await self._ask("GET", "/bridges", "list its bridges"))

    async def answer(self, channel_id: str) -> None:
        """Pick up."""
        await self._channel("POST", channel_id, "/answer", "answer the call")

    async def hang_up(self, channel_id: str, reason: str = "normal") -> None:
        """End a channel (reasons: normal, busy, no_answer, congestion…); none is no error."""
        try:
            await self._channel("DELETE", channel_id, "", "hang up", {"reason": reason})
        except CallerGone:
            log.debug("%s had already gone", channel_id)

    async def resume(
        self, channel_id: str, context: str = "", extension: str = "", priority: int = 1
    ) -> None:
        """Give a channel back to the dialplan: there, or after its Stasis() when not said where."""
        where = {"context": context, "extension": extension, "priority": priority}
        body = where if context else {}
        await self._channel("POST", channel_id, "/continue", "continue in the dialplan", body)

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable."""
        body = {"variable": name, "value": value}
        await self._channel("POST", channel_id, "/variable", f"set {name}", body)

    async def variable(self, channel_id: str, name: str) -> str:
        """A channel variable or function; empty when it is not set."""
        path = f"/channels/{channel_id}/variable"
        try:
            found = await self._ask("GET", path, f"read {name}", params={"variable": name})
        except AriStatus as error:
            if error.status == 404 and "variable" in error.message.lower():
                return ""
            raise _gone(error) from error
        return self._parsed(_VARIABLE, found).value

    async def send_keys(self, channel_id: str, keys: str, *, between_ms: int = 100) -> None:
        """Press keys towards the far end, each lasting 100 ms."""
        body = {"dtmf": keys, "duration": 100, "between": between_ms}
        await self._channel("POST", channel_id, "/dtmf", "press keys", body)

    async def originate(self, channel_id: str, endpoint: str, caller_id: str) -> None:
        """Call ``endpoint``; the channel enters our application when it answers.

        ``caller_id`` is ``"name" <number>``.
        """
        body = {
            "endpoint": endpoint,
            "app": self.app,
            "callerId": caller_id,
            "channelId": channel_id,
            "timeout": 60,
        }
        await self._ask("POST", "/channels", f"call {endpoint}", body)

    async def external_media(self, channel_id: str) -> MediaChannel:
        """Create a channel whose sound comes and goes on a websocket of ours, at 16 kHz."""
        body = {
            "channelId": channel_id,
            "app": self.app,
            "external_host": "INCOMING",
            "transport": "websocket",
            "encapsulation": "none",
            "connection_type": "server",
            "format": "slin16",
            "transport_data": "f(json)",
        }
        answer = await self._ask("POST", "/channels/externalMedia", "carry sound", body)
        return self._parsed(_MEDIA_CHANNEL, answer)

    async def create_bridge(self, bridge_id: str) -> None:
        """Create a bridge that mixes its channels."""
        body = {"type": "mixing"}
        await self._ask("POST", f"/bridges/{bridge_id}", "create a bridge", body)

    async def join(self, bridge_id: str, channel_id: str) -> None:
        """Put a channel into a bridge."""
        try:
            await self._ask(
                "POST", f"/bridges/{bridge_id}/addChannel", "join", {"channel": channel_id}
            )
        except AriStatus as error:
            # An unknown channel is a plain "400 Channel not found" here.
            if error.status == 400:
                raise CallerGone(error.message) from error
            raise _gone(error) from error

    async def delete_bridge(self, bridge_id: str) -> None:
        """Remove a bridge; none is no error."""
        try:
            await self._ask("DELETE", f"/bridges/{bridge_id}", "delete a bridge")
        except AriStatus as error:
            if error.status != 404:
                raise

    async def media_socket(self, connection_id: str) -> aiohttp.ClientWebSocketResponse:
        """Open the websocket of a media channel."""
        url = f"{self.address.http}/media/{connection_id}"
        try:
            return await self._session.ws_connect(url, protocols=["media"], max_msg_size=0)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise AsteriskError(
                f"the sound of a call could not be connected at {self.address}: {_reason(error)}"
            ) from error

    async def _channel(
        self, method: str, channel_id: str, path: str, what: str, body: Mapping[str, Any] = {}
    ) -> None:
        try:
            await self._ask(method, f"/channels/{channel_id}{path}", what, body)
        except AriStatus as error:
            raise _gone(error) from error

    async def _ask(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        try:
            async with self._session.request(
                method, f"{self.address.http}/ari{path}", json=body or None, params=params
            ) as response:
                content = await response.read()
        except TimeoutError as error:
            raise AsteriskError(
                f"Asterisk at {self.address} did not {what} within {REQUEST_TIMEOUT:g} s"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise AsteriskError(
                f"Asterisk at {self.address} cannot be reached to {what}: {_reason(error)}"
            ) from error
        self._check_refusal(response.status)
        if response.status >= 400:
            raise AriStatus(what, response.status, _message(content))
        return content

    def _check_refusal(self, status: int) -> None:
        if status in (401, 403):
            raise AriRefused(
                f"Asterisk at {self.address} refused the ARI user {self.address.user!r} or its "
                "password; render the configuration again and restart Asterisk"
            )

    @staticmethod
    def _parsed(kind: TypeAdapter[T], content: bytes) -> T:
        try:
            return kind.validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise AsteriskError(
                f"Asterisk's answer is not understood: {first['loc']}: {first['msg']}"
            ) from error

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise RuntimeError("Ari is used outside its 'async with'")
        return self._http


def _gone(error: AriStatus) -> IvrError:
    return CallerGone(error.message) if error.status in GONE else error


def _reason(error: Exception) -> str:
    """The system's own words, without aiohttp's about hosts and encryption."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _message(content: bytes) -> str:
    try:
        return _REFUSAL.validate_json(content).message
    except ValidationError:
        return ""
