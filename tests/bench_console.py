"""Speed and memory of the console with a year of calls, as tables: ``scripts/bench-console``."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from fastapi.routing import APIRoute
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Callback
from ivr.console.accounts import Accounts
from ivr.console.app import ROUTERS
from ivr.console.callback_view import FILTERS
from ivr.console.figures_pages import CHOICES
from ivr.console.learning import PERIODS as LEARNING_PERIODS
from ivr.console.passwords import Refused
from ivr.console.questions import PERIODS as QUESTION_PERIODS
from ivr.demo.commands import demo_file, demo_settings
from ivr.figures.by import By
from ivr.settings import Settings
from ivr.testcaller.network import private_settings
from tests.bench_tools import Process, console, print_table, spread
from tests.console import ADMIN, EXTENSION, OPERATOR, PASSWORD, csrf_in
from tests.town import ROOT, environment

LIMIT_MS = 300
"""What a page may take, in ms."""
STARTS = 3
"""Times that the console is started: the first request of a page finds nothing counted yet."""
REPEATS = 5
"""Requests for each page and start after that."""
CROWD, CROWD_PAGES = 20, 6
"""People at once, and the pages that each reads, one after the other."""
PATIENCE_S = 60.0
NOT_MEASURED = {
    "/invitation/{token}": "it needs an invitation that was never used",
    "/sons/{name}": "the time is the voice's",
    "/messages/{message_id}.wav": "the demonstration has no sounds",
}
"""Routes left out, and why."""
GROUPS = "/a-apprendre/groupes"
"""A part of its page that comes after it: the first use loads the matcher, and the page says so."""


@dataclass(frozen=True)
class Page:
    """One address, and for whom."""

    path: str
    login: str
    number: str | None = None
    """Sent in its form: a telephone number."""


@dataclass
class Times:
    """What a page took, in ms, and its size."""

    first: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)
    """Of a core, used by the console: what a page would take on a machine with nothing else."""
    size: int = 0

    def slow(self, *, from_the_first: bool) -> bool:
        """Whether it usually takes longer than it should."""
        typical = statistics.median(self.later)
        if from_the_first:
            typical = max(typical, statistics.median(self.first))
        return typical > LIMIT_MS


def admin_pages(some: Mapping[str, str], today: date) -> Iterator[str]:
    """Every page that an admin can open; ``some`` are ids that there are."""
    yield from ("/direct", "/direct/flux", f"/direct/appels/{some['call']}", "/poste")
    yield f"/direct/appels/{some['call']}/flux"
    yield from ("/compte", "/comptes", "/mot-de-passe", "/journal", "/donnees", "/messages")
    yield from (f"/rappels?etat={state}" for state in FILTERS)
    yield f"/rappels?service={some['department']}"
    yield f"/rappels/{some['callback']}"
    periods = [f"periode={name}" for name in CHOICES if name != "libre"]
    for back, length in ((1, 365), (1, 183), (120, 183), (1, 92), (1, 731), (364, 30)):
        last = today - timedelta(days=back)
        periods.append(f"periode=libre&du={last - timedelta(days=length - 1)}&au={last}")
    yield from (f"/chiffres?{period}" for period in periods)
    yield from (f"/chiffres/{by}.csv?{periods[5]}" for by in By)
    yield from (f"/questions?jours={days}" for days in QUESTION_PERIODS)
    yield from ("/questions?q=piscine", "/questions/nouvelle", "/questions/historique")
    yield from ("/questions/fr/piscine", "/questions/fr/piscine/supprimer")
    yield "/questions/historique?langue=fr&question=piscine"
    yield from (f"/a-apprendre?jours={days}" for days in LEARNING_PERIODS)
    yield from (f"{GROUPS}?jours={days}" for days in LEARNING_PERIODS)
    yield from ("/reglages", "/reglages/voix", "/reglages/agents", f"/reglages/agents/{EXTENSION}")
    yield from ("/reglages/horaires", f"/reglages/horaires/{some['schedule']}")
    yield from ("/reglages/annonces", "/reglages/modes")
    yield from ("/reglages/services", f"/reglages/services/{some['department']}")


def operator_pages(some: Mapping[str, str]) -> Iterator[str]:
    """Every page that an operator can open."""
    yield from ("/", "/poste", "/poste/flux", "/poste/recherche?q=horaires+piscine", "/direct")
    yield from (f"/rappels?etat={state}" for state in FILTERS)
    yield from (f"/rappels/{some['own_callback']}", "/messages", "/compte")


async def pages(settings: Settings) -> list[Page]:
    """All that is measured. Ends the program when a page of the console is not among them."""
    database = Database(settings.database_url)
    some = await database.run(_some)
    await database.close()
    today = datetime.now(UTC).date()
    found = [Page(path, ADMIN) for path in admin_pages(some, today)]
    found += [Page(path, OPERATOR) for path in operator_pages(some)]
    found.append(Page("/connexion", ""))
    found += [Page("/donnees", ADMIN, number) for number in ("0639980123", "01")]
    plain = [one.path.partition("?")[0] for one in found]
    missed = [
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        and "GET" in (route.methods or ())
        and route.path not in NOT_MEASURED
        and not any(route.path_regex.match(path) for path in plain)
    ]
    if missed:
        sys.exit(f"tests/bench_console.py does not measure {', '.join(missed)}: add them there")
    return found


def _some(session: Session) -> dict[str, str]:
    """Ids of the latest rows, for the pages that show one."""
    latest = select(Callback).order_by(Callback.id.desc())
    own = latest.where(Callback.department == "accueil")
    call = select(Call.id).order_by(Call.started_at.desc())
    return {
        "call": session.scalars(call).first() or "",
        "callback": str(session.scalars(latest).first().id),  # type: ignore[union-attr]
        "own_callback": str(session.scalars(own).first().id),  # type: ignore[union-attr]
        "department": "etat-civil",
        "schedule": "mairie",
    }


# --- the console ----------------------------------------------------------------------------------


async def _ivr(settings: Settings, *words: str) -> asyncio.subprocess.Process:
    variables = environment(settings) | {"IVR_CONSOLE_PORT": str(settings.console.port)}
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("ivr"), *words, cwd=ROOT, env=os.environ | variables
    )


async def _prepare(settings: Settings) -> None:
    """The invented year, and two people who may see it."""
    if not demo_file(settings).exists():
        made = await _ivr(settings, "demo-data")
        if await made.wait():
            sys.exit("ivr demo-data failed")
    shown = demo_settings(settings)
    database = Database(shown.database_url)
    accounts, now = Accounts(database, shown.console), datetime.now(UTC)
    try:
        for login, name, role, extension in (
            (ADMIN, "Claire Delorme", "admin", None),
            (OPERATOR, "Martine Dubois", "operator", EXTENSION),
        ):
            await accounts.add(login, name, role, extension, by="bench", now=now, password=PASSWORD)
    except Refused:
        console.print("the accounts are there already")
    finally:
        await database.close()


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[tuple[str, Process]]:
    """``ivr console --demo``, once it answers: its address, and its process."""
    process = await _ivr(settings, "console", "--demo")
    url = f"http://127.0.0.1:{settings.console.port}"
    try:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=url) as client:
            while True:
                if process.returncode is not None:
                    sys.exit("ivr console --demo ended")
                try:
                    await client.get("/static/icon.svg")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        yield url, Process(process.pid, "ivr console")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _signed_in(url: str, login: str) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """Somebody's browser, and what their forms bring back; nobody's without a login."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        csrf = ""
        if login:
            answer = await client.post(
                "/connexion", data={"identifiant": login, "mot_de_passe": PASSWORD}
            )
            if answer.status_code != 303:
                sys.exit(f"{login} cannot sign in: {answer.status_code}")
            csrf = csrf_in((await client.get("/compte")).text)
        yield client, csrf


async def _request(client: httpx.AsyncClient, page: Page, csrf: str) -> tuple[float, int]:
    """How long a page takes to come whole, in ms, and its bytes; a stream until its first part."""
    begin = time.perf_counter()
    size = 0
    method, data = (
        ("GET", None) if page.number is None else ("POST", {"csrf": csrf, "numero": page.number})
    )
    async with client.stream(method, page.path, data=data) as answer:
        if answer.status_code >= 400 and page.number is None:
            sys.exit(f"{page.path}: {answer.status_code}")
        async for part in answer.aiter_bytes():
            size += len(part)
            if page.path.endswith("/flux") and b"event:" in part:
                break
    return (time.perf_counter() - begin) * 1000, size


# --- what is measured -----------------------------------------------------------------------------


async def each(
    url: str, process: Process, wanted: Sequence[Page], times: Mapping[Page, Times]
) -> None:
    """Every page of a console that was just started, one request at a time."""
    for login in (ADMIN, OPERATOR, ""):
        async with _signed_in(url, login) as (client, csrf):
            for page in (one for one in wanted if one.login == login):
                before = process.cpu_ms()
                took, times[page].size = await _request(client, page, csrf)
                times[page].core.append(process.cpu_ms() - before)
                times[page].first.append(took)
                for _ in range(REPEATS):
                    times[page].later.append((await _request(client, page, csrf))[0])


async def crowd(url: str, wanted: Sequence[Page], process: Process) -> None:
    """Many people at once, each reading pages one after the other."""
    read = [one for one in wanted if one.number is None and not one.path.startswith(GROUPS)]
    admins = [one for one in read if one.login == ADMIN and "/flux" not in one.path]

    before, cpu = process.memory(), process.cpu()
    async with _signed_in(url, ADMIN) as (client, csrf):

        async def reads(number: int) -> list[float]:
            mine = [admins[(number + CROWD * k) % len(admins)] for k in range(CROWD_PAGES)]
            return [(await _request(client, one, csrf))[0] / 1000 for one in mine]

        begin = time.perf_counter()
        took = [one for some in await asyncio.gather(*map(reads, range(CROWD))) for one in some]
    lasted, used = time.perf_counter() - begin, process.cpu() - cpu
    print_table(
        f"{CROWD} people at once, {CROWD_PAGES} pages each",
        ["pages", "in all, s", "median, s", "p90, s", "worst, s", "seconds of a core"],
        [[str(len(took)), f"{lasted:.1f}", *spread(took), f"{used:.1f}"]],
    )
    print_table(
        "Memory of the console",
        ["", "resident, MB", "own share, MB"],
        [["before them", *before], ["after them", *process.memory()]],
    )


def _print(times: Mapping[Page, Times]) -> list[str]:
    """The table of pages, the slowest first; the addresses of those that are too slow."""
    rows, slow = [], []
    ordered = sorted(times.items(), key=lambda one: -statistics.median(one[1].first))
    for page, taken in ordered:
        who = {ADMIN: "admin", OPERATOR: "agent"}.get(page.login, "")
        name = ("POST " if page.number else "") + page.path
        if taken.slow(from_the_first=not page.path.startswith(GROUPS)):
            slow.append(name)
        rows.append(
            [
                name, who, f"{statistics.median(taken.first):.0f}",
                f"{statistics.median(taken.later):.0f}",
                f"{max(taken.first + taken.later):.0f}",
                f"{statistics.median(taken.core):.0f}", f"{taken.size:,}",
            ]
        )  # fmt: skip
    print_table(
        "Every page, in ms", ["page", "who", "first", "median", "worst", "core", "bytes"], rows
    )
    return slow


async def main(folder: Path) -> None:
    """Measure, with the invented year in a folder."""
    knowledge = {"paths": {"knowledge": ROOT / "knowledge"}}
    settings = private_settings(folder, knowledge)
    await _prepare(settings)
    wanted = await pages(demo_settings(settings))
    times: dict[Page, Times] = defaultdict(Times)
    for start in range(STARTS):
        async with _started(settings) as (url, process):
            at_rest = process.memory()
            await each(url, process, wanted, times)
            if start == STARTS - 1:
                print_table("Memory of the console, just started",
                            ["resident, MB", "own share, MB"], [at_rest])  # fmt: skip
                await crowd(url, wanted, process)
    if slow := _print(times):
        sys.exit(f"slower than {LIMIT_MS} ms: " + ", ".join(slow))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        given = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(temporary)
        given.mkdir(parents=True, exist_ok=True)
        asyncio.run(main(given))
