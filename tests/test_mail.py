"""The daily summary: what it says, to whom, and never twice; with a real mail server."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import date, timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.calllog.database import Database
from ivr.calllog.tables import Summary
from ivr.errors import MailError
from ivr.figures.mail import LAPSE, Summaries, due, send
from ivr.knowledge.base import Knowledge
from ivr.settings import Mail
from tests.figures_log import ANSWER, REJECTED, Log, at
from tests.mail_server import MailServer, mail_server

MONDAY = date(2026, 3, 2)
TUESDAY_AT_7 = at("2026-03-03T07:00")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    log = Log()
    for _ in range(3):
        log.call("2026-03-02T09:00", "answered", ANSWER)
    log.stay(log.call("2026-03-02T10:00", "transferred"), "2026-03-02T10:01", "abandoned", 70)
    log.call("2026-02-23T09:00", "gave-up", REJECTED)  # the Monday before
    log.call("2026-03-01T09:00", "answered", ANSWER)  # the Sunday does not count
    rows = log.written()
    await database.run(lambda session: session.add_all(rows))
    yield database
    await database.close()


def settings(server: MailServer, **others: Any) -> Mail:
    defaults: dict[str, Any] = {"tls": "none", "to": ("dgs@ville.example", "accueil@ville.example")}
    return Mail(
        host="127.0.0.1", port=server.port, sender="standard@ville.example", **(defaults | others)
    )


def letter() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "standard@ville.example", "dgs@ville.example"
    made.set_content("Bonjour")
    return made


async def test_what_the_summary_says(database: Database, town: Knowledge) -> None:
    server = MailServer()
    async with mail_server(server):
        summaries = Summaries(database, settings(server), lambda: town)
        assert await summaries.send_due(TUESDAY_AT_7) == MONDAY
    [mail] = server.mails
    assert server.recipients == ["dgs@ville.example", "accueil@ville.example"]
    assert mail["From"] == "Allô Mairie <standard@ville.example>"
    assert mail["Subject"] == "Standard, lundi 02/03/2026 : 1 appel perdu sur 4"
    text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    for told in (text.get_content(), unescape(page.get_content())):
        assert (
            "1 appel perdu sur 4, soit 25,0\u202f%, contre 100,0\u202f% le lundi précédent." in told
        )
        assert "Où des appels ont été perdus : l'accueil de la mairie (1)." in told
        assert "Satisfaction" not in told, "nothing is told of what nobody gave"
    assert "- Appels reçus : 4 (1)" in text.get_content()
    assert "lundi 23/02/2026" in page.get_content()


async def test_a_day_is_told_once(database: Database, town: Knowledge, tmp_path: Path) -> None:
    server = MailServer()
    other = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    async with mail_server(server):
        mail = settings(server)
        both = [Summaries(one, mail, lambda: town) for one in (database, other)]
        assert await both[0].send_due(TUESDAY_AT_7 - timedelta(minutes=1)) is None
        sent = await asyncio.gather(*(one.send_due(TUESDAY_AT_7) for one in both))
        assert sorted(sent, key=str) == [MONDAY, None], "two processes at once"
        for later in (timedelta(minutes=1), LAPSE, timedelta(hours=16)):
            assert await both[1].send_due(TUESDAY_AT_7 + later) is None
        assert len(server.mails) == 1
        assert await both[1].send_due(TUESDAY_AT_7 + timedelta(days=1)) == date(2026, 3, 3)
    await other.close()
    assert server.mails[0]["Message-ID"] != server.mails[1]["Message-ID"]


async def test_a_failure_is_tried_again_later(database: Database, town: Knowledge) -> None:
    server = MailServer(refuses="451 the disk\tis full")
    async with mail_server(server):
        summaries = Summaries(database, settings(server), lambda: town)
        with pytest.raises(MailError, match=r"^mail server 127.0.0.1:\d+: 451 the disk is full$"):
            await summaries.send_due(TUESDAY_AT_7)
        server.refuses = ""
        assert await summaries.send_due(TUESDAY_AT_7 + timedelta(minutes=1)) is None
        assert await summaries.send_due(TUESDAY_AT_7 + LAPSE) == MONDAY
    row = await database.run(lambda session: session.get(Summary, MONDAY))
    assert row is not None
    assert row.sent_at == TUESDAY_AT_7 + LAPSE
    assert len(server.mails) == 1


async def test_one_bad_address_keeps_nobody_from_it(caplog: pytest.LogCaptureFixture) -> None:
    server = MailServer(refused="accueil@")
    async with mail_server(server):
        mail = letter()
        mail.replace_header("To", "dgs@ville.example, accueil@ville.example")
        with caplog.at_level(logging.ERROR):
            await asyncio.to_thread(send, settings(server), mail)
        assert server.recipients == ["dgs@ville.example"]
        assert "accueil@ville.example is refused: 550 no such user" in caplog.text
        server.refused = "@"
        with pytest.raises(MailError, match=r"nobody is accepted: dgs@ville\.example: 550 no such"):
            await asyncio.to_thread(send, settings(server), letter())


# --- encryption -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("mail") / "mail.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", file, "-out", file.with_suffix(".crt")),
        ],
        check=True,
        capture_output=True,
    )
    return file


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.with_suffix(".crt"), certificate)
    return context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_mail_is_encrypted(
    certificate: Path, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(certificate)
    server = MailServer(context)
    async with mail_server(server, context if tls == "tls" else None):
        mail = settings(server, tls=tls, user="standard", password="un secret")
        with pytest.raises(MailError, match="certificate verify failed"):
            await asyncio.to_thread(send, mail, letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
        await asyncio.to_thread(send, mail, letter())
    assert server.users == ["standard un secret"]
    assert len(server.mails) == 1


async def test_nothing_leaves_in_clear_when_encryption_is_asked_for() -> None:
    server = MailServer()
    async with mail_server(server):
        with pytest.raises(MailError, match="STARTTLS"):
            await asyncio.to_thread(send, settings(server, tls="starttls"), letter())
    assert server.mails == []


async def test_no_mail_server_there() -> None:
    server = MailServer()
    async with mail_server(server):
        mail = settings(server)
    with pytest.raises(MailError, match="refused"):
        await asyncio.to_thread(send, mail, letter())


# --- settings and hours ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "smtp.example"}, "sender and to are needed"),
        ({"to": ("dgs",)}, "to: 'dgs' is not an e-mail address"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "sender: .* is not an e-mail address"),
        ({"user": "standard", "tls": "none"}, "the password would travel in clear"),
        ({"hour": 24}, "less than or equal to 23"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Mail(**given)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-03T06:59", None),
        ("2026-03-03T07:00", date(2026, 3, 2)),
        ("2026-03-03T23:59", date(2026, 3, 2)),
        ("2026-03-29T07:30+02:00", date(2026, 3, 28)),  # the clocks have just changed
    ],
)
def test_the_hour_is_the_town_s(moment: str, day: date | None, town: Knowledge) -> None:
    assert due(at(moment), 7, town.hours.zone) == day
