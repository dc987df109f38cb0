"""Asterisk's manager interface (AMI), over panoramisk: typed events in, checked actions out.

panoramisk is used for one connection at a time, and each answer is waited for with a limit: it
would send again what was asked before a connection was lost, an order to call somebody included.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from panoramisk.actions import Action  # type: ignore[import-untyped]
from panoramisk.manager import Manager  # type: ignore[import-untyped]

from ivr.asterisk.ami_events import AmiEvent, Connected, Disconnected, Member, parse, parse_member
from ivr.errors import AmiRefused, AsteriskError

log = logging.getLogger(__name__)

ANSWER_LIMIT = 5.0
"""Seconds in which Asterisk must answer an action."""
FIRST_RETRY, LONGEST_RETRY = 0.5, 10.0
"""Seconds between two attempts to connect."""
PING = 10
"""Seconds between two pings; two that are not answered end the connection."""

Handler = Callable[[AmiEvent], None]

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class AmiAddress:
    """Where the manager interface listens, and who we are."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Origination:
    """A call that Asterisk is asked to make: to a telephone, then on in the dialplan."""

    channel: str
    """What to call: ``PJSIP/poste-101``, ``Local/…@context``."""
    channel_id: str
    """Its unique id, chosen by us, so that its end can be told."""
    context: str
    extension: str
    caller_id: str = ""
    """``"name" <number>``."""
    timeout_s: float = 30.0
    """To answer, in seconds."""
    variables: Mapping[str, str] = field(default_factory=dict)


class Ami:
    """A connection that is made anew for ever. Handlers are called in the order of events."""

    def __init__(self, address: AmiAddress) -> None:
        self.address = address
        self._manager: _Manager | None = None
        self._handlers: list[Handler] = []
        self.connected = asyncio.Event()
        """Set while Asterisk answers, all its modules loaded."""

    def subscribe(self, handler: Handler) -> None:
        """Have a function told of every event, and of ``Connected`` and ``Disconnected``.

        It must not wait; what it raises is logged and stops nothing.
        """
        self._handlers.append(handler)

    async def run(self) -> None:
        """Be connected for ever. Raises AmiRefused for a wrong user or password."""
        wait = FIRST_RETRY
        try:
            while True:
                try:
                    await self._once()
                    wait, reason = FIRST_RETRY, "the connection was closed"
                except (OSError, TimeoutError, AsteriskError) as error:
                    if isinstance(error, AmiRefused):
                        raise
                    reason = str(error) or type(error).__name__
                log.warning("AMI at %s: %s; trying again in %g s", self.address, reason, wait)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_RETRY)
        finally:
            self._lose()

    async def _once(self) -> None:
        """One connection, from its beginning to its end."""
        manager = _Manager(
            lambda message: self._took(manager, message),
            host=self.address.host, port=self.address.port,
            ping_delay=PING, ping_interval=PING, loop=asyncio.get_running_loop(),
            forgetable_actions=("ping", "login", "originate"),
        )  # fmt: skip
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await manager.connect()
            await asyncio.sleep(0)  # until panoramisk has taken the connection up
            login = {"Action": "Login", "Username": self.address.user,
                     "Secret": self.address.password, "Events": "on"}  # fmt: skip
            answer = await self._answer(manager, login, as_list=False)
            if answer[0].get("response") != "Success":
                raise AmiRefused(
                    f"Asterisk at {self.address} refused the AMI user {self.address.user!r} or its "
                    "password; render the configuration again and restart Asterisk"
                )
            await manager.lost.wait()
        finally:
            manager.close()
            self._lose()

    def _lose(self) -> None:
        self._manager = None
        if self.connected.is_set():
            self.connected.clear()
            self._tell(Disconnected())

    # --- actions ---------------------------------------------------------------------------------

    async def members(self) -> list[Member]:
        """Every member of every queue. Raises AsteriskError, as all actions do."""
        found = await self._ask({"Action": "QueueStatus"}, as_list=True)
        return [parse_member(one) for one in found if one.get("event") == "QueueMember"]

    async def waiting(self) -> list[tuple[str, str]]:
        """Who waits: the queue and the call's id, by queue and position."""
        found = await self._ask({"Action": "QueueStatus"}, as_list=True)
        return [
            (one.get("queue", ""), one.get("uniqueid", ""))
            for one in found
            if one.get("event") == "QueueEntry"
        ]

    async def channels(self) -> list[str]:
        """The unique ids of all channels."""
        found = await self._ask({"Action": "CoreShowChannels"}, as_list=True)
        return [one["uniqueid"] for one in found if one.get("event") == "CoreShowChannel"]

    async def pause_member(self, interface: str, *, paused: bool, reason: str = "") -> None:
        """Pause a member in all its queues, or end its pause."""
        action = {"Action": "QueuePause", "Interface": interface, "Paused": str(paused).lower()}
        await self._ask(action | ({"Reason": reason} if reason else {}))

    async def originate(self, call: Origination) -> None:
        """Begin a call. What becomes of it is told by ``HungUp`` with its ``channel_id``."""
        variables = [f"{name}={value}" for name, value in call.variables.items()]
        action: dict[str, str | Sequence[str]] = {
            "Action": "Originate",
            "Channel": call.channel,
            "ChannelId": call.channel_id,
            "Context": call.context,
            "Exten": call.extension,
            "Priority": "1",
            "Timeout": str(round(call.timeout_s * 1000)),
            "CallerID": call.caller_id,
            "Async": "true",
            "Variable": variables,
        }
        if call.channel.startswith("Local/"):
            action["OtherChannelId"] = f"{call.channel_id}-2"
        await self._ask(action)

    async def hang_up(self, channel_id: str) -> None:
        """End a channel; no error when there is none."""
        action = {"Action": "Hangup", "Channel": channel_id}
        await self._ask(action, accepted="no such channel")

    async def redirect(self, channel_id: str, context: str, extension: str) -> None:
        """Take a channel out of what it does, and have it go on in the dialplan."""
        action = {"Action": "Redirect", "Channel": channel_id, "Context": context}
        await self._ask(action | {"Exten": extension, "Priority": "1"})

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a channel variable."""
        action = {"Action": "Setvar", "Channel": channel_id, "Variable": name, "Value": value}
        await self._ask(action)

    async def variable(self, name: str) -> str:
        """The value of a global variable of the dialplan; empty when there is none."""
        (found, *_) = await self._ask({"Action": "Getvar", "Variable": name})
        return found.get("value", "")

    async def set_device(self, device: str, state: str) -> None:
        """Set the state of a device of our own, ``Custom:…``: ``INUSE``, or ``INVALID``: none."""
        action = {"Action": "Setvar", "Variable": f"DEVICE_STATE({device})", "Value": state}
        await self._ask(action)

    async def remember(self, family: str, key: str, value: str) -> None:
        """Write a value into Asterisk's own database, which outlives it."""
        await self._ask({"Action": "DBPut", "Family": family, "Key": key, "Val": value})

    async def recall(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database; None when there is none."""
        action = {"Action": "DBGet", "Family": family, "Key": key}
        found = await self._ask(action, as_list=True, accepted="not found")
        values = [one.get("val") for one in found if one.get("event") == "DBGetResponse"]
        return values[0] if values else None

    async def forget(self, family: str, key: str = "") -> None:
        """Remove a value, or a whole family; no error when there is none."""
        action = {"Action": "DBDelTree", "Family": family} | ({"Key": key} if key else {})
        await self._ask(action, accepted="not found")

    async def _ask(
        self, action: Mapping[str, str | Sequence[str]], *, as_list: bool = False,
        accepted: str | None = None,
    ) -> list[Mapping[str, str]]:  # fmt: skip
        """Do it, and give the answer; a refusal that has ``accepted`` in its words is none."""
        if self._manager is None:
            raise AsteriskError(f"Asterisk at {self.address} is not connected")
        for name, value in action.items():
            for one in [value] if isinstance(value, str) else value:
                if _UNSAFE.search(one):
                    raise ValueError(f"{name} must be one line of text, not {one!r}")
        found = await self._answer(self._manager, action, as_list=as_list)
        first = found[0]
        if first.get("response") in ("Error", "Failure"):
            message = first.get("message", "")
            if accepted is None or accepted not in message.lower():
                raise AsteriskError(f"Asterisk refused {action['Action']}: {message}")
        return found

    async def _answer(
        self, manager: _Manager, action: Mapping[str, Any], *, as_list: bool
    ) -> list[Mapping[str, str]]:
        asked = _Action(action)
        sent = manager.send_action(asked, as_list=as_list)
        lost = asyncio.ensure_future(manager.lost.wait())
        try:
            done, _ = await asyncio.wait(
                [sent, lost], timeout=ANSWER_LIMIT, return_when=asyncio.FIRST_COMPLETED
            )
            if sent not in done:
                why = "was lost" if done else f"did not answer within {ANSWER_LIMIT:g} s"
                raise AsteriskError(f"Asterisk at {self.address} {why} after {action['Action']}")
            answer = sent.result()
        finally:
            lost.cancel()
            sent.cancel()
        messages = answer if isinstance(answer, list) else [answer]
        return [{str(k).lower(): v for k, v in one.items()} for one in messages]

    # --- events ----------------------------------------------------------------------------------

    def _took(self, manager: _Manager, message: Mapping[str, Any]) -> None:
        headers = {str(key).lower(): value for key, value in message.items()}
        if headers.get("event") == "FullyBooted":  # before, app_queue may not know its actions yet
            self._manager = manager
            log.info("connected to AMI at %s", self.address)
            self.connected.set()
            self._tell(Connected())
            return
        if self._manager is None:  # what it tells of now will be asked
            return
        try:
            event = parse(headers)
        except (KeyError, ValueError) as error:
            log.warning("AMI: %s is not understood: %s", headers.get("event"), error)
            return
        if event is not None:
            self._tell(event)

    def _tell(self, event: AmiEvent) -> None:
        for handler in self._handlers:
            try:
                handler(event)
            except Exception:
                log.exception("AMI: a handler failed on %s", event)


class _Action(Action):  # type: ignore[misc]  # panoramisk has no types
    """An action whose refusal is an answer, also where a list was asked for."""

    def add_message(self, message: Any) -> bool | None:
        if message.response == "Error" and not self.future.done():
            self.future.set_result(message)
            return True
        answered: bool | None = super().add_message(message)
        return answered


class _Manager(Manager):  # type: ignore[misc]  # panoramisk has no types
    """One connection; panoramisk's own would connect again and repeat what it was asked."""

    def __init__(self, told: Callable[[Mapping[str, Any]], None], **config: Any) -> None:
        super().__init__(**config)
        self.lost = asyncio.Event()
        self._told = told

    def dispatch(self, event: Any) -> list[str]:
        self._told(event)
        return []

    def ping(self) -> None:
        if len([one for one in self.responses.values() if one.action.lower() == "ping"]) > 2:
            self.log.warning("Asterisk does not answer pings")
            self.protocol.transport.abort()
            return
        super().ping()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()
        self.lost.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()
