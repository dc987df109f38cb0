"""Accounts and sessions of the console: who may enter, who is inside, who did what."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from ivr.calllog.accounts import Account, AuditLine, ConsoleSession, Invitation
from ivr.calllog.database import Database
from ivr.console.lockout import Count, Visitor, count, forgive
from ivr.console.passwords import Passwords, Refused
from ivr.errors import CallLogError
from ivr.settings import Console

log = logging.getLogger(__name__)

ADMIN, OPERATOR = "admin", "operator"
ROLES = {OPERATOR: "agent", ADMIN: "administrateur"}
"""With their names in French."""
INVITED_FOR = timedelta(days=3)
"""How long an invitation can be taken up."""
SEEN_EVERY = timedelta(seconds=30)
"""How exactly it is known when somebody was last seen: not each click is written down."""
GONE = "Ce lien n'est plus valable. Demandez-en un autre à un administrateur."
UNKNOWN = "un identifiant inconnu"
"""The audit's word for a login that does not exist: people type passwords there by mistake."""
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


@dataclass(frozen=True)
class Person:
    """Who is signed in."""

    id: int
    login: str
    name: str
    role: str
    extension: str | None
    csrf: str
    """What each of their forms must bring back."""

    @property
    def is_admin(self) -> bool:
        """Whether every page is theirs."""
        return self.role == ADMIN


class Accounts:
    """The accounts of a database. Every method raises CallLogError when that fails."""

    def __init__(self, database: Database, limits: Console) -> None:
        self._database = database
        self._limits = limits
        self._passwords = Passwords()

    # --- signing in ------------------------------------------------------------------------------

    async def sign_in(self, login: str, password: str, visitor: Visitor, now: datetime) -> str:
        """A new session's token. Raises Refused, in the same words for whatever was wrong."""
        login = login.strip().lower()[:64]

        def look(session: Session) -> tuple[Account | None, Count]:
            tries = count(session, login, visitor, now)
            return session.scalar(select(Account).where(Account.login == login)), tries

        account, tries = await self._database.run(look)
        kept = account.password if account is not None else ""
        if not await self._passes(tries, kept, password, login if account else UNKNOWN, visitor,
                                  now) or account is None:  # fmt: skip
            raise Refused("L'identifiant ou le mot de passe n'est pas le bon.")
        if account.disabled_at is not None:
            raise Refused("Votre compte est désactivé. Adressez-vous à un administrateur.")

        def begin(session: Session) -> str:
            forgive(session, login, visitor)
            session.add(_audit(login, "s'est connecté", "", now, address=visitor.address))
            return _begin(session, account.id, now)

        return await self._database.run(begin)

    async def who(self, token: str, now: datetime, *, seen: bool = True) -> Person | None:
        """Who holds this token; None when the session is over.

        seen: they do something; else they are only shown a page that renews itself.
        """

        def look(session: Session) -> ConsoleSession | None:
            found = session.get(ConsoleSession, _hashed(token))
            return found if found is not None and found.account.disabled_at is None else None

        found = await self._database.run(look)
        if found is None:
            return None
        idle = timedelta(minutes=self._limits.idle)
        longest = timedelta(hours=self._limits.longest)
        if now - found.seen_at > idle or now - found.created_at > longest:
            return None
        if seen and now - found.seen_at > SEEN_EVERY:
            await self._saw(found.token, now)
        one = found.account
        return Person(one.id, one.login, one.name, one.role, one.extension, found.csrf)

    async def _saw(self, token: str, now: datetime) -> None:
        seen = update(ConsoleSession).where(ConsoleSession.token == token).values(seen_at=now)
        try:
            await self._database.run(lambda session: session.execute(seen))
        except CallLogError as error:  # locked: the page can be shown all the same
            log.warning("when a session was last used cannot be noted: %s", error)

    async def sign_out(self, token: str, person: Person, visitor: Visitor, now: datetime) -> None:
        """End a session."""

        def work(session: Session) -> None:
            session.execute(delete(ConsoleSession).where(ConsoleSession.token == _hashed(token)))
            session.add(_audit(person.login, "s'est déconnecté", "", now, address=visitor.address))

        await self._database.run(work)

    # --- passwords -------------------------------------------------------------------------------

    async def invited(self, token: str, now: datetime) -> str | None:
        """The login that an invitation is for; None when it is no longer valid."""

        def look(session: Session) -> str | None:
            found = session.get(Invitation, _hashed(token))
            return found.account.login if found and found.expires_at > now else None

        return await self._database.run(look)

    async def accept(
        self, token: str, password: str, visitor: Visitor, now: datetime
    ) -> tuple[str, str]:
        """Choose the password an invitation is for; the login, and a new session's token.

        Raises Refused.
        """
        if await self.invited(token, now) is None:  # before the dear part
            raise Refused(GONE)
        hashed = await self._passwords.hash(password)

        def work(session: Session) -> tuple[str, str]:
            found = session.get(Invitation, _hashed(token))
            if found is None or found.expires_at <= now or found.account.disabled_at is not None:
                raise Refused(GONE)
            account = found.account
            account.password = hashed
            session.execute(delete(Invitation).where(Invitation.account_id == account.id))
            _end_sessions(session, account.id)
            session.add(_audit(account.login, "a choisi son mot de passe", "", now,
                               address=visitor.address))  # fmt: skip
            return account.login, _begin(session, account.id, now)

        return await self._database.run(work)

    async def change_password(
        self, person: Person, old: str, new: str, visitor: Visitor, now: datetime
    ) -> str:
        """Change one's own password: ends all one's sessions, gives a new one's token.

        Wrong ones count as those of signing in do. Raises Refused.
        """

        def look(session: Session) -> tuple[str, Count]:
            tries = count(session, person.login, visitor, now)
            return session.get_one(Account, person.id).password, tries

        kept, tries = await self._database.run(look)
        if not await self._passes(tries, kept, old, person.login, visitor, now):
            raise Refused("Le mot de passe actuel n'est pas le bon.")
        chosen = await self._passwords.hash(new)

        def work(session: Session) -> str:
            session.get_one(Account, person.id).password = chosen
            _end_sessions(session, person.id)
            forgive(session, person.login, visitor)
            session.add(_audit(person.login, "a changé son mot de passe", "", now,
                               address=visitor.address))  # fmt: skip
            return _begin(session, person.id, now)

        return await self._database.run(work)

    async def _passes(
        self, tries: Count, kept: str, password: str, login: str, visitor: Visitor, now: datetime
    ) -> bool:
        """Whether a password is the right one; a wrong one is written down. Raises Refused."""
        if tries.too_many:
            raise Refused(
                "Trop d'essais ont échoué. Attendez un quart d'heure, ou demandez un nouveau mot "
                "de passe à un administrateur."
            )
        if await self._passwords.fits(password, kept):
            return True
        told = ["mauvais mot de passe pour"]
        if tries.last:
            told.append("essais bloqués pendant un quart d'heure pour")
        lines = [_audit("", one, login, now, address=visitor.address) for one in told]
        await self._database.run(lambda session: session.add_all(lines))
        return False

    # --- accounts --------------------------------------------------------------------------------

    async def accounts(self) -> list[Account]:
        """All of them, by login."""
        listed = select(Account).order_by(Account.login)
        return await self._database.run(lambda session: list(session.scalars(listed).all()))

    async def has_admin(self) -> bool:
        """Whether an admin can sign in, or has an invitation that is still to be taken up."""
        able = select(func.count()).where(
            Account.role == ADMIN, Account.disabled_at.is_(None), Account.password != ""
        )
        return bool(await self._database.run(lambda session: session.scalar(able)))

    async def add(
        self,
        login: str,
        name: str,
        role: str,
        extension: str | None,
        *,
        by: str,
        now: datetime,
        password: str | None = None,
    ) -> str:
        """A new account; the token of its invitation (of no use with a password). Raises Refused.

        An account that exists and was never used is invited anew.
        """
        login, name = login.strip().lower(), " ".join(name.split())
        if not _LOGIN.fullmatch(login):
            raise Refused(
                "Un identifiant a de 2 à 64 caractères : lettres minuscules sans accent, chiffres, "
                "point, tiret, @."
            )
        if not 1 <= len(name) <= 80:
            raise Refused("Le nom doit avoir de 1 à 80 caractères.")
        if role not in ROLES:
            raise Refused("Choisissez un rôle : agent ou administrateur.")
        hashed = await self._passwords.hash(password) if password is not None else ""

        def work(session: Session) -> str:
            account = session.scalar(select(Account).where(Account.login == login))
            if account is not None and (account.password or account.disabled_at):
                raise Refused(f"Le compte « {login} » existe déjà.")
            if account is None:
                account = Account(login=login, name=name, role=role, created_at=now)
                session.add(account)
            account.name, account.role, account.extension = name, role, extension
            account.password = hashed
            session.flush()
            session.add(_audit(by, "a créé le compte", login, now, after=f"{ROLES[role]} {name}"))
            return _invite(session, account.id, now)

        return await self._database.run(work)

    async def change(
        self, account_id: int, *, role: str, extension: str | None, disabled: bool, by: Person,
        now: datetime,
    ) -> None:  # fmt: skip
        """Change what an account may do; a disabled one's sessions end at once. Raises Refused."""
        if role not in ROLES:
            raise Refused("Choisissez un rôle : agent ou administrateur.")

        def work(session: Session) -> None:
            account = session.get(Account, account_id)
            if account is None:
                raise Refused("Ce compte n'existe plus.")
            if account.id == by.id and (disabled or role != account.role):
                raise Refused("Demandez à un autre administrateur de changer votre propre compte.")
            before = _described(account)
            account.role, account.extension = role, extension
            if disabled != (account.disabled_at is not None):
                account.disabled_at = now if disabled else None
            if disabled or not before.startswith(ROLES[role]):
                _end_sessions(session, account.id)
            after = _described(account)
            if after != before:
                session.add(_audit(by.login, "a modifié le compte", account.login, now, before,
                                   after))  # fmt: skip

        await self._database.run(work)

    async def invite(self, account_id: int, by: str, now: datetime) -> str:
        """A new link to choose a password with; the old password and sessions end. Refused."""

        def work(session: Session) -> str:
            account = session.get(Account, account_id)
            if account is None or account.disabled_at is not None:
                raise Refused("Ce compte n'existe plus, ou il est désactivé.")
            account.password = ""
            _end_sessions(session, account.id)
            forgive(session, account.login)
            session.add(_audit(by, "a réinitialisé le mot de passe", account.login, now))
            return _invite(session, account.id, now)

        return await self._database.run(work)

    # --- the audit -------------------------------------------------------------------------------

    async def audit(
        self, who: str, action: str, subject: str, now: datetime, before: str = "", after: str = ""
    ) -> None:
        """Write down that somebody changed something."""
        line = _audit(who, action, subject, now, before, after)
        await self._database.run(lambda session: session.add(line))

    async def audited(
        self, *, before_id: int | None = None, limit: int = 50, sign_ins: bool | None = None
    ) -> list[AuditLine]:
        """The latest lines, newest first; those before one of them.

        sign_ins: these alone, or all others; None: everything.
        """
        listed = select(AuditLine).order_by(AuditLine.id.desc()).limit(limit)
        if sign_ins is not None:
            has_address = AuditLine.address != ""
            listed = listed.where(has_address if sign_ins else ~has_address)
        if before_id is not None:
            listed = listed.where(AuditLine.id < before_id)
        return await self._database.run(lambda session: list(session.scalars(listed).all()))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _begin(session: Session, account_id: int, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        ConsoleSession(
            token=_hashed(token),
            account_id=account_id,
            csrf=secrets.token_urlsafe(32),
            created_at=now,
            seen_at=now,
        )
    )
    return token


def _end_sessions(session: Session, account_id: int) -> None:
    session.execute(delete(ConsoleSession).where(ConsoleSession.account_id == account_id))


def _invite(session: Session, account_id: int, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    session.execute(delete(Invitation).where(Invitation.account_id == account_id))
    session.add(
        Invitation(token=_hashed(token), account_id=account_id, expires_at=now + INVITED_FOR)
    )
    return token


def _described(account: Account) -> str:
    state = "désactivé" if account.disabled_at else "actif"
    return f"{ROLES[account.role]}, poste {account.extension or 'aucun'}, {state}"


def _audit(
    who: str, action: str, subject: str, at: datetime, before: str = "", after: str = "",
    address: str = "",
) -> AuditLine:  # fmt: skip
    return AuditLine(
        at=at, who=who, action=action, subject=subject, before=before, after=after, address=address
    )
