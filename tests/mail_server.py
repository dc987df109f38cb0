"""A small mail server, which speaks SMTP over a socket and keeps what it is given."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """What is asked of it, and what it does."""

    context: ssl.SSLContext | None = None
    """Offers STARTTLS with it, and wants a user then."""
    refuses: str = ""
    """Answered to every mail, like ``451 try later``."""
    refused: str = ""
    """An address that is not accepted."""
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    """User and password, as they were given."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        try:
            writer.write(b"220 mail\r\n")
            while line := (await reader.readline()).decode().strip():
                if line == "STARTTLS" and self.context:
                    writer.write(b"220 go\r\n")
                    await writer.drain()
                    await writer.start_tls(self.context)
                    continue
                if line.upper() == "DATA" and not self.refuses:
                    writer.write(b"354 go\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    parsed = message_from_bytes(text[:-3], policy=policy.default)
                    assert isinstance(parsed, EmailMessage)
                    self.mails.append(parsed)
                writer.write(self._answer(line).encode() + b"\r\n")
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass  # the client does not like us
        finally:
            writer.close()

    def _answer(self, line: str) -> str:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "EHLO":
                return "250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN" if self.context else "250 mail"
            case "AUTH":
                user = base64.b64decode(rest.removeprefix("PLAIN ")).decode().strip("\0")
                self.users.append(user.replace("\0", " "))
                return "235 welcome"
            case "RCPT":
                if self.refused and self.refused in rest:
                    return "550 no such user"
                self.recipients.append(rest[3:].strip("<>"))
                return "250 OK"
            case "DATA" if self.refuses:
                return self.refuses
            case "QUIT":
                return "421 no time for courtesies"
            case _:
                return "250 OK"


@asynccontextmanager
async def mail_server(server: MailServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """It listens; encrypted from the first byte with ``tls``."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield
