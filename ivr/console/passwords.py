"""Passwords: hashed by argon2, one at a time, so that guessing them takes little from the calls."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ivr.errors import IvrError

SHORTEST = 12
"""Characters; the French data protection authority's advice where nothing else is asked."""
LONGEST = 200


class Refused(IvrError):
    """What was asked cannot be done; the message, in French, is for whoever asked."""


class Passwords:
    """Makes and checks hashes, which takes a quarter of a second of a processor each time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore()
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        """Checked where there is no password, so that this takes as long."""

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises Refused for one that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise Refused(f"Le mot de passe doit avoir de {SHORTEST} à {LONGEST} caractères.")
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, kept: str) -> bool:
        """Whether it is the password that was kept; never, when none was (an empty text)."""
        hashed, tried = kept or self._nobody, password[: LONGEST + 1]
        async with self._turn:
            try:
                return await asyncio.to_thread(self._hasher.verify, hashed, tried) and bool(kept)
            except (VerificationError, InvalidHashError):
                return False
