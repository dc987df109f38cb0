"""What the console orders of Asterisk: about calls that people have, and for operators."""

from __future__ import annotations

from collections.abc import Callable

from ivr.asterisk.ami import Ami
from ivr.asterisk.ari import Ari
from ivr.asterisk.render import OPERATORS
from ivr.errors import AsteriskError
from ivr.knowledge.base import Knowledge
from ivr.live.messages import Answer, Duty
from ivr.operators import presence


class Switch:
    """Asterisk's side of the orders; see ``orders.Exchange``."""

    def __init__(self, ari: Ari, ami: Ami, knowledge: Callable[[], Knowledge]) -> None:
        self._ari = ari
        self._ami = ami
        self._knowledge = knowledge

    async def end(self, call_id: str) -> Answer:
        """End a call that waits or is spoken with. Raises CallerGone, AsteriskError."""
        await self._ari.variable(call_id, "CHANNEL(state)")  # it is there
        await self._ari.hang_up(call_id)
        return Answer.DONE

    async def pass_on(self, call_id: str, department: str, operator: str | None) -> Answer:
        """Pass on a call that waits or is spoken with; whoever speaks with it is let go.

        Raises CallerGone, AsteriskError.
        """
        await self._ari.variable(call_id, "CHANNEL(state)")  # it is there
        await self._ami.set_variable(call_id, "IVR_OPERATOR", operator or "")
        await self._ami.redirect(call_id, OPERATORS, department)
        return Answer.DONE

    async def set_duty(self, extension: str, duty: Duty, reason: str) -> Answer:
        """An operator signs in or out, takes a pause or ends it."""
        if extension not in {one.extension for one in self._knowledge().operators}:
            return Answer.UNKNOWN
        try:
            match duty:
                case Duty.SIGN_IN | Duty.READY:
                    await presence.resume(self._ami, extension)
                case Duty.SIGN_OUT:
                    await presence.sign_out(self._ami, extension)
                case Duty.PAUSE:
                    await presence.pause(self._ami, extension, reason or "pause")
        except AsteriskError:
            return Answer.UNAVAILABLE
        return Answer.DONE

    def serves(self, department: str, operator: str | None) -> Answer | None:
        """None when a call can be passed there; else why not."""
        knowledge = self._knowledge()
        known = operator is None or operator in {one.extension for one in knowledge.operators}
        return None if known and department in knowledge.departments else Answer.UNKNOWN
