"""A real switchboard Asterisk with the public network beside it, for tests that place calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.asterisk.ari import AriAddress
from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import (
    ARI_APP,
    ARI_USER,
    PhoneSpec,
    QueueSpec,
    render,
    switchboard_home,
)
from ivr.secrets import load_or_create
from ivr.settings import Settings, load
from ivr.testcaller.caller import Manner, Telephones, telephones
from ivr.testcaller.network import Network, free_port

APP = ARI_APP


@dataclass(frozen=True)
class Exchange:
    """What a test needs of the two."""

    settings: Settings
    ari: AriAddress
    asterisk: AsteriskProcess
    network: AsteriskProcess
    phones: Telephones


@asynccontextmanager
async def exchange(
    root: Path, desks: Sequence[str] = (), manner: Manner | None = None
) -> AsyncIterator[Exchange]:
    """Both up, with the operators' telephones ``desks`` registered, all serving ``accueil``."""
    settings = _settings(root)
    secrets = load_or_create(settings.paths.var, desks)
    program = find_asterisk(settings)
    queues = [QueueSpec("accueil", "Accueil")]
    render(
        settings,
        secrets,
        queues,
        [PhoneSpec(d, f"Poste {d}", ("accueil",)) for d in desks],
        program,
    )
    async with (
        AsteriskProcess(program, switchboard_home(settings)) as asterisk,
        Network(root / "network", settings, secrets, desks) as network,
        telephones(network, manner) as phones,
    ):
        address = AriAddress("127.0.0.1", settings.asterisk.http_port, ARI_USER, secrets.ari)
        yield Exchange(settings, address, asterisk, network.process, phones)


def _settings(root: Path) -> Settings:
    import socket

    settings = load()
    ports = {"http_port": free_port(), "ami_port": free_port()}
    return settings.model_copy(
        update={
            "paths": settings.paths.model_copy(update={"var": root / "var"}),
            "sip": settings.sip.model_copy(update={"port": free_port(socket.SOCK_DGRAM)}),
            "asterisk": settings.asterisk.model_copy(update=ports),
        }
    )
