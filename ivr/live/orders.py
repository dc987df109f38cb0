"""What the console orders is carried out: by the conversation that has the call, or by Asterisk."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from ivr.dialogue.turns import Dismissed, Redirected
from ivr.errors import CallerGone, IvrError
from ivr.live.board import Board
from ivr.live.messages import Answer, Answered, Duty, EndCall, PassCall, Place, SetDuty

log = logging.getLogger(__name__)

PATIENCE_S = 6.0
"""A conversation carries an order out when it next listens; a callback takes 5 s at most."""


class Exchange(Protocol):
    """What Asterisk does with calls that people have, and with the people.

    Its methods raise CallerGone when the call is over, and IvrError when Asterisk fails.
    """

    async def end(self, call_id: str) -> Answer:
        """End a call that waits or is spoken with."""

    async def pass_on(self, call_id: str, department: str, operator: str | None) -> Answer:
        """Pass on a call that waits or is spoken with."""

    async def set_duty(self, extension: str, duty: Duty, reason: str) -> Answer:
        """An operator signs in or out, takes a pause or ends it."""

    def serves(self, department: str, operator: str | None) -> Answer | None:
        """None when a call can be passed there; else why not."""


@dataclass(frozen=True)
class Orders:
    """Carries out what the console orders."""

    board: Board
    exchange: Exchange
    patience_s: float = PATIENCE_S

    async def carry_out(self, order: Answered) -> Answer:
        """What became of an order. Whatever fails is logged; raises nothing but cancellation."""
        try:
            answer = await self._try(order)
        except CallerGone:
            answer = Answer.OVER
        except IvrError as error:
            log.error("an order of the console failed: %s: %s", order, error)
            answer = Answer.FAILED
        except Exception:
            log.exception("an order of the console failed: %s", order)
            answer = Answer.FAILED
        log.info("the console ordered %s: %s", order, answer)
        return answer

    async def _try(self, order: Answered) -> Answer:
        match order:
            case SetDuty(_, extension, duty, reason):
                return await self.exchange.set_duty(extension, duty, reason)
            case EndCall(_, call_id):
                if self.board.place(call_id) is Place.MACHINE:
                    return await self.board.steer(call_id, Dismissed(), self.patience_s)
                return await self.exchange.end(call_id)
            case PassCall(_, call_id, department, operator):
                if refused := self.exchange.serves(department, operator):
                    return refused
                if self.board.place(call_id) is Place.MACHINE:
                    passed = Redirected(department, operator)
                    return await self.board.steer(call_id, passed, self.patience_s)
                return await self.exchange.pass_on(call_id, department, operator)
