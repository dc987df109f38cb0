"""Wrong passwords are bounded, and nobody outside can keep the people of the town hall out.

A browser in which somebody has signed in is known from then on, for that account, by a cookie that
opens nothing. Its wrong passwords are counted apart from everybody else's: whoever guesses from
elsewhere locks out the browsers that are not known, never those that people work with. These are
the device cookies that OWASP advises against guessing online.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ivr.calllog.accounts import FailedSignIn

LOCKED_FOR = timedelta(minutes=15)
MOST_FAILURES = 5
"""Wrong passwords for one login from one address or known browser, within ``LOCKED_FOR``."""
MOST_ELSEWHERE = 20
"""For one login from all browsers that are not known."""
MOST_FROM_ADDRESS = 30
"""From one address, for whatever logins."""
KNOWN_FOR = timedelta(days=180)
"""How long a browser is known after somebody last signed in."""
_BROWSER = "browser "
"""Begins the source of a known browser; no address does."""


@dataclass(frozen=True)
class Visitor:
    """Where a request comes from."""

    address: str
    """Of the network, as far as our proxies tell."""
    browser: str = ""
    """The mark of a browser that is known for the account; empty for another one."""

    @property
    def source(self) -> str:
        """What their wrong passwords are counted for."""
        return _BROWSER + self.browser if self.browser else self.address


class KnownBrowsers:
    """Cookies by which a browser is known, for one login each."""

    def __init__(self, key: str) -> None:
        """key: a secret of the switchboard; what is used here is derived from it."""
        self._key = hmac.digest(key.encode(), b"known browsers of the console", "sha256")

    def cookie(self, login: str) -> str:
        """Its name: a browser may be known for several logins."""
        return f"connu-{hashlib.sha256(_same(login).encode()).hexdigest()[:12]}"

    def new(self, login: str) -> str:
        """A value for a browser in which somebody has just signed in."""
        mark = secrets.token_hex(12)
        return f"{mark}.{self._proof(login, mark)}"

    def mark(self, login: str, value: str | None) -> str:
        """The mark in the value of a cookie; empty when it is none of ours for this login."""
        mark, _, proof = (value or "").partition(".")
        genuine = hmac.compare_digest(proof.encode(), self._proof(login, mark).encode())
        return mark if genuine else ""

    def _proof(self, login: str, mark: str) -> str:
        return hmac.new(self._key, f"{_same(login)}\n{mark}".encode(), "sha256").hexdigest()


def _same(login: str) -> str:
    return login.strip().lower()[:64]


@dataclass(frozen=True)
class Count:
    """Wrong passwords of the last quarter of an hour, this attempt among them."""

    own: int
    """For the login from this source."""
    elsewhere: int
    """For the login from browsers that are not known."""
    here: int
    """From the source, for whatever logins."""
    known: bool
    """The browser is."""

    @property
    def too_many(self) -> bool:
        """The attempt is not looked at."""
        return (
            self.own > MOST_FAILURES
            or self.here > MOST_FROM_ADDRESS
            or (not self.known and self.elsewhere > MOST_ELSEWHERE)
        )

    @property
    def last(self) -> bool:
        """When this attempt fails too, the next one is not looked at."""
        return (
            self.own == MOST_FAILURES
            or self.here == MOST_FROM_ADDRESS
            or (not self.known and self.elsewhere == MOST_ELSEWHERE)
        )


def count(session: Session, login: str, visitor: Visitor, now: datetime) -> Count:
    """Count an attempt before its password is looked at: many at once count as many.

    Attempts that are not looked at do not prolong the lock; what no longer counts is not kept.
    """
    session.execute(delete(FailedSignIn).where(FailedSignIn.at < now - LOCKED_FOR))
    known = bool(visitor.browser)
    by_login, by_source = FailedSignIn.login == login, FailedSignIn.address == visitor.source

    def before(*conditions: ColumnElement[bool]) -> int:
        counted = select(func.count()).select_from(FailedSignIn).where(*conditions)
        return session.scalar(counted) or 0

    found = Count(
        before(by_login, by_source) + 1,
        before(by_login, FailedSignIn.address.not_like(f"{_BROWSER}%")) + (not known),
        before(by_source) + 1,
        known,
    )
    if not found.too_many:
        session.add(FailedSignIn(login=login, address=visitor.source, at=now))
    return found


def forgive(session: Session, login: str, visitor: Visitor | None = None) -> None:
    """Forget the wrong passwords for a login: those of one source, or all."""
    gone = delete(FailedSignIn).where(FailedSignIn.login == login)
    if visitor is not None:
        gone = gone.where(FailedSignIn.address == visitor.source)
    session.execute(gone)
