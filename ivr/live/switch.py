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
from ivr.operators.presence import RINGING, TALKING, UNREACHABLE, Presence

TAKEN = (RINGING, TALKING, UNREACHABLE)
"""What an operator does who cannot take a call now. Whoever pauses may be rung all the same."""


class Switch:
    """Asterisk's side of the orders; see ``orders.Exchange``."""

    def __init__(
        self, ari: Ari, ami: Ami, knowledge: Callable[[], Knowledge], people: Presence
    ) -> None:
        """people: what the operators are doing."""
        self._ari = ari
        self._ami = ami
        self._knowledge = knowledge
        self._people = people

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
        if not known or department not in knowledge.departments:
            return Answer.UNKNOWN
        doing = self._people.operator(operator) if operator else None
        return Answer.BUSY if doing is not None and doing.state in TAKEN else None
