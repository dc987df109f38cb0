"""The console for tests: a real server on a free port, somebody signed in, a real browser."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import uvicorn
from argon2 import PasswordHasher
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from ivr.console import passwords, web
from ivr.console.app import create_app
from ivr.console.process import Server
from ivr.settings import Settings
from ivr.testcaller.network import private_settings
from tests.kept import with_known_meanings

ROOT = Path(__file__).parents[1]
PASSWORD = "une phrase assez longue"
ADMIN, OPERATOR = "c.delorme", "m.dubois"
"""Logins; the operator's telephone is 101."""
NAME = "Claire Delorme"
"""The admin's."""
EXTENSION = "101"
WIDTHS = {"desk": 1440, "tablet": 820, "phone": 390}
LOOKED_AT = os.environ.get("SCREENSHOTS")
"""A folder in which pictures of the pages are kept, to be looked at."""
CHEAP = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
"""What the real one spends on each password is a quarter of a second of a processor."""
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@dataclass
class Console:
    """A console that is running."""

    app: FastAPI
    settings: Settings
    """Its own: a temporary ``var/`` and a copy of the knowledge."""
    url: str
    _server: Server = field(init=False)
    _serving: asyncio.Task[None] = field(init=False)

    async def start(self) -> None:
        """Returns when it answers."""
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=self.settings.console.port, log_config=None,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = Server(config, self.app)
        with patch.object(passwords, "PasswordHasher", CHEAP):
            self._serving = asyncio.create_task(self._server.serve())
            async with asyncio.timeout(60):
                while not self._server.started:
                    assert not self._serving.done(), "the console did not start"
                    await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Returns when nobody answers any more."""
        self._server.should_exit = True
        await self._serving

    @property
    def parts(self) -> web.Parts:
        """What its pages share."""
        found: web.Parts = self.app.state.parts
        return found

    @asynccontextmanager
    async def client(self, login: str | None = None) -> AsyncIterator[Client]:
        """Somebody without a browser; signed in when a login is given."""
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as http:
            client = Client(http)
            if login is not None:
                await client.sign_in(login)
            yield client


@dataclass
class Client:
    """Sends what a browser would."""

    http: httpx.AsyncClient
    csrf: str = ""

    async def sign_in(self, login: str, password: str = PASSWORD) -> httpx.Response:
        answer = await self.http.post(
            "/connexion", data={"identifiant": login, "mot_de_passe": password}
        )
        if answer.status_code == 303:
            self.csrf = csrf_in((await self.http.get("/compte")).text)
        return answer

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, **options)

    async def post(
        self, path: str, data: dict[str, Any] | None = None, **options: Any
    ) -> httpx.Response:
        """A form of one of our pages."""
        return await self.http.post(path, data={"csrf": self.csrf, **(data or {})}, **options)


def csrf_in(html: str) -> str:
    """What the forms of a page bring back."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, "the page has no form"
    return found[1]


@asynccontextmanager
async def console(
    root: Path, settings: Settings | None = None, *, demonstration: bool = False
) -> AsyncIterator[Console]:
    """A console with an admin and an operator; ``settings`` are those of a test's switchboard."""
    if settings is None:
        knowledge = root / "knowledge"
        shutil.copytree(ROOT / "knowledge", knowledge)
        var = with_known_meanings(root / "var")
        settings = private_settings(var, {"paths": {"knowledge": knowledge}})
    app = create_app(settings, demonstration=demonstration)
    running = Console(app, settings, f"http://127.0.0.1:{settings.console.port}")
    try:
        await running.start()
        now = datetime.now(UTC)
        for login, name, role, extension in (
            (ADMIN, NAME, "admin", None),
            (OPERATOR, "Martine Dubois", "operator", EXTENSION),
        ):
            await running.parts.accounts.add(
                login, name, role, extension, by="tests", now=now, password=PASSWORD
            )
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless, which looks nothing up outside."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def browsing(
    browser: Browser,
    console: Console,
    login: str | None = None,
    width: int = WIDTHS["desk"],
    *,
    stopped: bool = False,
) -> AsyncIterator[Page]:
    """A page of a fresh browser profile; whatever the browser complains of fails the test.

    stopped: the console is stopped meanwhile, of which it may complain.
    """
    context: BrowserContext = await browser.new_context(
        base_url=console.url, viewport={"width": width, "height": 1000}, locale="fr-FR"
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((console.url, "data:", "blob:"))
            else complaints.append(f"asked outside: {asked.url}")
        ),
    )
    try:
        if login is not None:
            await page.goto("/connexion")
            await page.get_by_label("Identifiant").fill(login)
            await page.get_by_label("Mot de passe").fill(PASSWORD)
            await page.get_by_role("button", name="Se connecter").click()
            await page.wait_for_url(lambda url: "/connexion" not in url)
        yield page
    finally:
        await context.close()
    expected = re.compile(
        r"status of (401|403|404|409|413|422|503)"
        r"|^htmx:(sendAbort|afterRequest)"  # left behind by a later request, or by leaving the page
    )
    broken = re.compile(
        r"^(htmx:sseError|\[object Event\])$|net::ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE)"
    )
    unexpected = [
        said
        for said in complaints
        if not expected.search(said) and not (stopped and broken.search(said))
    ]
    assert unexpected == [], unexpected


async def serious(page: Page) -> list[str]:
    """What axe finds seriously amiss for people who see, hear or move less."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


async def fits(page: Page, name: str) -> None:
    """At three widths nothing sticks out sideways; pictures are kept when people want to look."""
    before = page.viewport_size
    for width_name, width in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 1000})
        shown, needed = await page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert shown == width
        assert needed <= width, f"{name} is {needed} pixels wide on a {width_name} of {width}"
        await picture(page, f"{name}-{width_name}", full_page=True)
    if before:
        await page.set_viewport_size(before)


async def picture(page: Page, name: str, *, full_page: bool = False) -> None:
    """What people look at, if they want to: it takes a second to paint."""
    if LOOKED_AT is not None:
        await page.screenshot(path=Path(LOOKED_AT) / f"{name}.png", full_page=full_page)
