"""Runs the console, and tells on the terminal how the first admin gets in."""

from __future__ import annotations

import asyncio
import getpass
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from ivr.calllog.database import Database
from ivr.console.accounts import ADMIN, Accounts
from ivr.console.app import create_app
from ivr.console.passwords import Refused
from ivr.errors import IvrError
from ivr.settings import Settings

log = logging.getLogger(__name__)

FIRST_ADMIN = "admin"


class Server(uvicorn.Server):
    """Leaves the signals to the command, as all our processes do; ends open pages in order."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Pages that follow the telephone would keep their connection for ever."""
        self._app.state.parts.mirror.close()
        await super().shutdown(sockets)


async def serve(settings: Settings, *, demonstration: bool = False) -> None:
    """Serve the pages; cancelled, end in order. Raises IvrError when it cannot begin.

    demonstration: each page says that the database is made up.
    """
    if link := await _first_link(settings):
        log.info("nobody can sign in yet; the first admin chooses a password here, once: %s", link)
    console = settings.console
    app = create_app(settings, demonstration=demonstration)
    server = Server(
        uvicorn.Config(
            app,
            host=str(console.bind),
            port=console.port,
            log_config=None,
            access_log=False,
            proxy_headers=bool(console.proxies),
            forwarded_allow_ips=[str(network) for network in console.proxies],
            server_header=False,
            timeout_graceful_shutdown=3,
        ),
        app,
    )
    serving = asyncio.create_task(_listen(server, _address(settings)))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving


async def _listen(server: uvicorn.Server, address: str) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # its way to say that it cannot listen
        raise IvrError(f"the console cannot listen on {address}") from error


async def add_account(
    settings: Settings, login: str, name: str, role: str, extension: str | None
) -> str:
    """Add an account with a password asked for on the terminal; what to tell. Raises Refused."""
    password: str | None = None
    if sys.stdin.isatty():
        password = getpass.getpass("Mot de passe (vide : un lien d'invitation) : ") or None
        if password and password != getpass.getpass("Encore une fois : "):
            raise Refused("Les deux mots de passe ne sont pas les mêmes.")
    database = await asyncio.to_thread(Database, settings.database_url)
    try:
        token = await Accounts(database, settings.console).add(
            login, name, role, extension, by="ivr", now=datetime.now(UTC), password=password
        )
    finally:
        await database.close()
    created = f"Le compte « {login} » est créé"
    return f"{created}." if password else f"{created} ; {_chosen_here(settings, token)}"


async def reset_password(settings: Settings, login: str) -> str:
    """End the password and the sessions of an account; the link to choose another. Refused."""
    database = await asyncio.to_thread(Database, settings.database_url)
    try:
        accounts = Accounts(database, settings.console)
        wanted = login.strip().lower()
        found = [one.id for one in await accounts.accounts() if one.login == wanted]
        if not found:
            raise Refused(f"Il n'y a pas de compte « {login} ».")
        token = await accounts.invite(found[0], by="ivr", now=datetime.now(UTC))
    finally:
        await database.close()
    return f"L'ancien mot de passe de « {wanted} » ne vaut plus ; {_chosen_here(settings, token)}"


async def _first_link(settings: Settings) -> str:
    """The link by which the first admin chooses a password; empty when there is an admin."""
    database = await asyncio.to_thread(Database, settings.database_url)
    try:
        accounts = Accounts(database, settings.console)
        if await accounts.has_admin():
            return ""
        token = await accounts.add(
            FIRST_ADMIN, "Administrateur", ADMIN, None, by="console", now=datetime.now(UTC)
        )
        return _invitation(settings, token)
    except Refused as error:
        log.warning("no admin can sign in: %s Use: ivr account", error)
        return ""
    finally:
        await database.close()


def _chosen_here(settings: Settings, token: str) -> str:
    told = f"le mot de passe se choisit ici, une seule fois : {_invitation(settings, token)}"
    if settings.console.proxies:  # that address opens on this machine alone
        told += "\nD'un autre poste, mettez l'adresse de la console à la place du début."
    return told


def _invitation(settings: Settings, token: str) -> str:
    return f"http://{_address(settings)}/invitation/{token}"


def _address(settings: Settings) -> str:
    return f"{settings.console.bind}:{settings.console.port}"
