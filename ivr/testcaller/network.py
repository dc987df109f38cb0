"""A second Asterisk that plays the public telephone network, and the operators' telephones."""

from __future__ import annotations

import asyncio
import secrets as random_secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ivr.asterisk.configuration import TEMPLATES, Home, Secret, expand, home_in, install
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import TEST_LINE, Phone, TelephoneSecrets
from ivr.errors import AsteriskError
from ivr.settings import Settings

APP = "network"
"""Name of its Stasis application."""
USER = "network"
"""Its ARI user."""
SWITCHBOARD = "switchboard"
"""Its PJSIP endpoint towards the switchboard."""
RTP_WIDTH = 400
"""Ports for sound: two a call, so 200 calls at once."""
REGISTRATION_LIMIT = 10.0
"""Seconds until every telephone must be registered with the switchboard."""

Line = Literal["test-line", "addresses", "registration"]


@dataclass(frozen=True)
class NetworkPorts:
    """Where the network listens; all chosen free at the time of asking."""

    sip: int
    desks: int
    """SIP of the operators' telephones."""
    http: int
    rtp_start: int


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, address: str = "127.0.0.1") -> int:
    """A port that nobody listens on now: TCP, or UDP with ``SOCK_DGRAM``."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def free_ports(settings: Settings, address: str = "127.0.0.1") -> NetworkPorts:
    """Ports for a network beside a switchboard with these settings."""
    taken = range(settings.sip.rtp_start - RTP_WIDTH, settings.sip.rtp_end + 1)
    rtp = next(port for port in range(20000, 32000, RTP_WIDTH) if port not in taken)
    sip, desks = free_port(socket.SOCK_DGRAM, address), free_port(socket.SOCK_DGRAM)
    return NetworkPorts(sip, desks, free_port(), rtp)


def private_settings(var: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Settings of a switchboard of its own: files in ``var``, free ports, the rest default.

    ``changes`` are tables as in ``ivr.toml``. Raises pydantic's ValidationError.
    """
    tables: dict[str, dict[str, Any]] = {
        "paths": {"var": var},
        "sip": {"port": free_port(socket.SOCK_DGRAM), "rtp_start": 12000, "rtp_end": 12999},
        "asterisk": {"http_port": free_port(), "ami_port": free_port()},
        "redis": {"port": free_port()},
        "console": {"port": free_port()},
    }
    for section, table in (changes or {}).items():
        tables.setdefault(section, {}).update(table)
    return Settings.model_validate(tables)


class Network:
    """The public network beside one switchboard; ready inside ``async with``.

    A call to the switchboard is an ARI originate to ``endpoint(number)``. Calls from the
    switchboard enter the Stasis application ``network`` unanswered, with the arguments ``phone``
    and the telephone's name (``poste-101``), or ``public`` and the number dialled; while no such
    application is connected they are answered with music.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        secrets: TelephoneSecrets,
        phones: Sequence[str] = (),
        line: Line = "test-line",
    ) -> None:
        """``root`` is a folder of its own; ``settings`` and ``secrets`` are the switchboard's.

        ``phones`` are the extensions whose telephones register with the switchboard. ``line``: the
        switchboard's test line, or its provider known ``addresses`` (which must hold 127.0.0.2) or
        by ``registration``. A port in the settings' ``trunk.host`` is this network's.
        """
        self._settings = settings
        self._line = line
        self._secrets = secrets
        self._phones = tuple(phones)
        self.address = "127.0.0.2" if line == "addresses" else "127.0.0.1"
        self.ports = self._chosen_ports()
        self.ari_password = random_secrets.token_urlsafe(24)
        self._process = AsteriskProcess(find_asterisk(settings), home_in(root))

    async def __aenter__(self) -> Self:
        self._render(self._process.home)
        await self._process.start()
        try:
            async with asyncio.timeout(REGISTRATION_LIMIT):
                await self._process.until(
                    "pjsip show registrations",
                    lambda state: state.count(" Registered") == len(self._phones),
                )
        except TimeoutError as error:
            state = await self._process.rx("pjsip show registrations")
            await self._process.stop()
            raise AsteriskError(
                f"telephones do not register with the switchboard:\n{state}"
            ) from error
        except BaseException:
            await self._process.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._process.stop()

    @property
    def process(self) -> AsteriskProcess:
        """The Asterisk itself, for its console."""
        return self._process

    def endpoint(self, number: str) -> str:
        """What to originate to so that the switchboard rings as ``number``."""
        return f"PJSIP/{number}@{SWITCHBOARD}"

    def _chosen_ports(self) -> NetworkPorts:
        ports = free_ports(self._settings, self.address)
        port = self._settings.trunk.host.partition(":")[2]
        if self._line == "registration" or (self._line == "addresses" and port):
            return replace(ports, sip=int(port or 5060))
        return ports

    def _render(self, home: Home) -> None:
        folders = [TEMPLATES / "network", TEMPLATES]
        install(home, self._process.program, expand(folders, self._context(home)))

    def _context(self, home: Home) -> dict[str, Any]:
        sip, trunk = self._settings.sip, self._settings.trunk
        host = str(sip.bind)
        return {
            "home": home,
            "program": self._process.program,
            "system_name": APP,
            "app": APP,
            "ari_user": USER,
            "ari_password": Secret(self.ari_password),
            "http_port": self.ports.http,
            "http_sessions": 2 * RTP_WIDTH,
            "rtp_start": self.ports.rtp_start,
            "rtp_end": self.ports.rtp_start + RTP_WIDTH - 1,
            "line": self._line,
            "bind": self.address,
            "sip_port": self.ports.sip,
            "desks_port": self.ports.desks,
            "switchboard_host": "127.0.0.1" if host == "0.0.0.0" else host,
            "switchboard_port": sip.port,
            "test_line": TEST_LINE,
            "test_line_password": Secret(self._secrets.test_line),
            "trunk_username": trunk.username,
            "trunk_password": Secret(trunk.password.get_secret_value()),
            "phones": [
                Phone(number, f"Poste {number}", (), Secret(self._secrets.phones[number]))
                for number in self._phones
            ],
        }
