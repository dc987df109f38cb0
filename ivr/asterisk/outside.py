"""Whether the line outside works, for who watches over the switchboard; no call waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ivr.errors import AsteriskError

EVERY_S, SOON_S = 15.0, 1.0
"""Seconds between two looks, and after one that told nothing. Asterisk itself asks the provider's
server each minute."""
STATE = "DEVICE_STATE(PJSIP/trunk)"
AWAY = "UNAVAILABLE"
"""What Asterisk says of a line whose other end does not answer, or never did."""


class OutsideLine:
    """What is known of the provider's server."""

    def __init__(self, variable: Callable[[str], Awaitable[str]]) -> None:
        """variable: gives the value of one of Asterisk's; see ``Ami.variable``."""
        self._variable = variable
        self.answers: bool | None = None
        """None while that is not known."""

    async def watch(self) -> None:
        """Look from time to time, until cancelled."""
        while True:
            try:
                self.answers = await self._variable(STATE) != AWAY
            except AsteriskError:  # told elsewhere
                self.answers = None
            await asyncio.sleep(SOON_S if self.answers is None else EVERY_S)
