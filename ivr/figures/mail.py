"""Sends the summary of the day before by e-mail, once a day, whoever is restarted meanwhile.

A row of ``summaries`` is claimed before sending and marked after it. Should the process be killed
in between, once the mail server has taken the mail, it is sent again with the same Message-ID.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Summary
from ivr.errors import CallLogError, IvrError, MailError
from ivr.figures import summary
from ivr.figures.period import DAY
from ivr.knowledge.base import Knowledge
from ivr.settings import Mail

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""Seconds between two looks at the clock."""
LAPSE = timedelta(minutes=15)
"""A claim that has not become a sent mail by then may be taken by anybody: until then nobody tries
again. Longer than a mail server could take."""
TIMEOUT_S = 20.0
"""For each answer of the mail server."""


async def send_daily(url: str, mail: Mail, knowledge: Callable[[], Knowledge]) -> None:
    """Send each day's summary at its hour; for ever, or not at all without a mail server."""
    if not mail.host:
        return
    database = await asyncio.to_thread(Database, url)
    summaries = Summaries(database, mail, knowledge)
    try:
        while True:
            try:
                await summaries.send_due(datetime.now(UTC))
            except IvrError as error:
                log.error("the daily summary: %s; tried again later", error)
            except Exception:  # the pages go on
                log.exception("the daily summary: failed; tried again later")
            await asyncio.sleep(EVERY_S)
    finally:
        await database.close()


@dataclass(frozen=True)
class Summaries:
    """The summaries of a town hall."""

    database: Database
    mail: Mail
    knowledge: Callable[[], Knowledge]

    async def send_due(self, now: datetime) -> date | None:
        """Send what is due and nobody has sent or is sending.

        Returns the day told of; None when there was nothing to do. Raises MailError, CallLogError.
        """
        town = self.knowledge()
        day = due(now, self.mail.hour, town.hours.zone)
        if day is None or not await self._claim(day, now):
            return None
        both = await self.database.run(lambda session: summary.of_day(session, town, day, now))
        local = now.astimezone(town.hours.zone)
        await asyncio.to_thread(send, self.mail, summary.message(self.mail, both, town, local))
        await self._sent(day, now)
        log.info("the summary of %s is sent", day)
        return day

    async def _claim(self, day: date, now: datetime) -> bool:
        def work(session: Session) -> bool:
            known = session.get(Summary, day)
            if known is None:
                session.add(Summary(day=day, claimed_at=now))
                return True
            taken = session.execute(
                update(Summary)
                .where(
                    Summary.day == day,
                    Summary.sent_at.is_(None),
                    Summary.claimed_at == known.claimed_at,
                    Summary.claimed_at <= now - LAPSE,
                )
                .values(claimed_at=now)
            )
            return bool(taken.rowcount)  # type: ignore[attr-defined]

        try:
            return await self.database.run(work)
        except CallLogError as error:
            if isinstance(error.__cause__, IntegrityError):  # another was quicker
                return False
            raise

    async def _sent(self, day: date, now: datetime) -> None:
        await self.database.run(
            lambda session: session.execute(
                update(Summary).where(Summary.day == day).values(sent_at=now)
            )
        )


def due(now: datetime, hour: int, zone: ZoneInfo) -> date | None:
    """The day whose summary should have left; None before the hour. Older ones are let be."""
    local = now.astimezone(zone)
    return local.date() - DAY if local.hour >= hour else None


def send(mail: Mail, message: EmailMessage) -> None:
    """Hand an e-mail to the mail server; some seconds. Raises MailError."""
    where = f"mail server {mail.host}:{mail.port}"
    context = ssl.create_default_context()
    try:
        client = _connect(mail, context)
        try:
            if mail.tls == "starttls":
                client.starttls(context=context)
            if mail.user:
                client.login(mail.user, mail.password.get_secret_value())
            refused = client.send_message(message)
        finally:
            with suppress(smtplib.SMTPException, OSError):  # what is accepted is sent
                client.quit()
            client.close()
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise MailError(f"{where}: {_cause(error)}") from error
    for address, (code, told) in refused.items():  # the others have it
        log.error("%s: %s is refused: %d %s", where, address, code, _words(told))


def _connect(mail: Mail, context: ssl.SSLContext) -> smtplib.SMTP:
    if mail.tls == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S)


def _cause(error: Exception) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=refused):
            told = (f"{who}: {code} {_words(why)}" for who, (code, why) in refused.items())
            return f"nobody is accepted: {'; '.join(told)}"
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=why):
            return f"{code} {_words(why)}"
        case _:
            return _words(str(error)) or type(error).__name__


def _words(told: bytes | str) -> str:
    """What a server said, in one line."""
    text = told.decode(errors="replace") if isinstance(told, bytes) else told
    return " ".join(text.split())
