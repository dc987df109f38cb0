"""Every call that Asterisk hands over becomes a leg for a handler, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

from ivr.asterisk.ari import Ari, Connected
from ivr.asterisk.ari_leg import AriLeg, clean_caller, open_line, token_of
from ivr.asterisk.ari_messages import Channel, StasisStart
from ivr.asterisk.media import Pacing
from ivr.errors import AsteriskError, CallerGone, IvrError
from ivr.events import CallStarted, QueueOutcome

log = logging.getLogger(__name__)

Handler = Callable[[AriLeg], Awaitable[None]]
"""Conducts one call. A call that it leaves without handing over goes on in the dialplan."""

GRACE = 1.0
"""Seconds between two looks at Asterisk: what both find unknown is not just on its way to us."""
LOOK_EVERY = 60.0
"""Seconds between looks for what a failed request may have left behind."""
QUIET_POLL_S = 1.0
"""Seconds between two looks whether no call is being taken."""


class Calls:
    """The calls of one application: takes them, conducts them, cleans up after them."""

    def __init__(
        self, ari: Ari, handle: Handler, *, at_once: int, pacing: Pacing | None = None
    ) -> None:
        self._ari = ari
        self._handle = handle
        self._at_once = at_once
        self._pacing = pacing or Pacing()
        self._legs: dict[str, AriLeg] = {}
        self._look = asyncio.Event()
        self.connected = asyncio.Event()
        """Set once Asterisk hands its calls to us."""

    @property
    def active(self) -> int:
        """Calls that are with the application now."""
        return len(self._legs)

    async def quiet(self) -> None:
        """Wait until no call is with the application."""
        while self.active:  # noqa: ASYNC110 - nothing tells, and it is a matter of seconds
            await asyncio.sleep(QUIET_POLL_S)

    async def serve(self) -> None:
        """Take calls for ever. When cancelled, every caller goes on to the operators' queue.

        Raises AriRefused for a wrong password, AsteriskError when another process takes over.
        """
        reconciling = asyncio.create_task(self._reconcile())
        conducting: set[asyncio.Task[None]] = set()
        try:
            async with aclosing(self._ari.listen()) as events:
                async for event in events:
                    if isinstance(event, Connected):
                        self.connected.set()
                        self._look.set()
                    elif isinstance(event, StasisStart) and (leg := self._admit(event)):
                        full = len(self._legs) > self._at_once
                        task = asyncio.create_task(self._conduct(leg, event.channel, full))
                        conducting.add(task)
                        task.add_done_callback(conducting.discard)
        finally:
            for task in (reconciling, *conducting):
                task.cancel()
            await asyncio.gather(reconciling, *conducting, return_exceptions=True)
            for leg in tuple(self._legs.values()):  # their task was cancelled before it began
                await self._close(leg)

    def _admit(self, start: StasisStart) -> AriLeg | None:
        """Open a leg at once, so that none of the channel's next events is missed."""
        channel = start.channel
        if token_of(self._ari.app, channel.id) is not None:
            return None  # one of our media channels
        returned = _outcome(start.args[1:]) if start.args[:1] == ("returned",) else None
        key, place = (*start.args[2:4], "", "")[:2]
        caller = clean_caller(channel.caller.number, channel.caller.name)
        dialled = channel.dialplan.exten
        started = CallStarted(
            channel.id, caller, dialled, start.timestamp, returned, key,
            int(place) if place.isdecimal() else None,
        )  # fmt: skip
        leg = AriLeg(self._ari, started, uuid.uuid4().hex)
        self._legs[channel.id] = leg
        self._ari.watch(channel.id, leg.happened)
        return leg

    async def _conduct(self, leg: AriLeg, channel: Channel, full: bool) -> None:
        call_id = leg.started.call_id
        try:
            if full:
                raise AsteriskError(f"there are {self._at_once} calls already, the most allowed")
            if leg.started.returned is not None:
                # The extension is now the queue's name; Asterisk remembers what was dialled.
                leg.dialled(await self._ari.variable(call_id, "CALLERID(dnid)"))
            async with open_line(self._ari, call_id, leg.token, leg.heard, self._pacing) as media:
                try:
                    if channel.state != "Up":
                        await self._ari.answer(call_id)
                    leg.attach(media)
                    await self._handle(leg)
                finally:
                    await leg.give_back()
        except CallerGone:
            log.debug("call %s: the caller has gone", call_id)
        except IvrError as error:
            log.warning("call %s goes to the operators: %s", call_id, error)
        except Exception:
            log.exception("call %s goes to the operators, for a fault of ours", call_id)
        finally:
            await self._close(leg)

    async def _close(self, leg: AriLeg) -> None:
        call_id = leg.started.call_id
        try:
            await leg.give_back()
        except IvrError as error:
            log.warning("call %s could not be given back to the dialplan: %s", call_id, error)
        self._ari.unwatch(call_id, leg.happened)
        if self._legs.get(call_id) is leg:
            del self._legs[call_id]

    async def _reconcile(self) -> None:
        """After each connection, and now and then: agree with Asterisk on what there is."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._look.wait()
            self._look.clear()
            try:
                if amiss := await self._amiss():
                    await asyncio.sleep(GRACE)
                    for what, name in amiss & await self._amiss():
                        await self._put_right(what, name)
            except IvrError as error:
                log.warning("could not compare our calls with Asterisk's: %s", error)

    async def _amiss(self) -> set[tuple[str, str]]:
        """What Asterisk has and we do not know, or the other way round."""
        app = self._ari.app
        channels, bridges = await asyncio.gather(self._ari.channels(), self._ari.bridges())
        tokens = {leg.token for leg in self._legs.values()}
        ours = {c.id for c in channels if c.dialplan.is_in(app) and not token_of(app, c.id)}
        found = {("missed", name) for name in self._legs.keys() - ours}
        found |= {("stranded", name) for name in ours - self._legs.keys()}
        for what, names in (("media", channels), ("bridge", bridges)):
            left = (item.id for item in names if token_of(app, item.id) not in {None, *tokens})
            found |= {(what, name) for name in left}
        return found

    async def _put_right(self, what: str, name: str) -> None:
        match what:
            case "missed":
                if leg := self._legs.get(name):
                    log.info("call %s has ended while Asterisk could not tell us", name)
                    leg.gone()
            case "stranded":
                log.warning("call %s was left in our application; it goes on without us", name)
                with suppress(CallerGone):
                    await self._ari.resume(name)
            case "media":
                await self._ari.hang_up(name)
            case _:
                await self._ari.delete_bridge(name)


def _outcome(args: tuple[str, ...]) -> QueueOutcome:
    try:
        return QueueOutcome(args[0] if args else "")
    except ValueError:
        return QueueOutcome.UNKNOWN
