"""What ``ivr demo-data`` does: an invented year, in a database that is never the real one."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Insert, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from ivr.calllog import tables
from ivr.calllog.database import Database
from ivr.demo.aftermath import Aftermath
from ivr.demo.scenes import Ages, Rows, Scene, purge
from ivr.demo.town import Town
from ivr.demo.year import Scale, arrivals, usual_weight, weight
from ivr.errors import IvrError
from ivr.figures import days
from ivr.figures.period import DAY
from ivr.knowledge.base import Knowledge
from ivr.progress import Counter
from ivr.settings import Settings

CHUNK = 7
"""Days written in one transaction."""


async def fill(settings: Settings, knowledge: Knowledge, scale: Scale) -> None:
    """Write the demonstration's database anew. Raises IvrError when it would be the real one."""
    file = demo_file(settings)
    _refuse_real(settings)
    now = datetime.now(UTC)
    building = file.with_suffix(".part")
    _remove(building)
    database = Database(f"sqlite:///{building}")
    try:
        with Counter("jours inventés", sys.stderr) as progress:
            calls = await write(database, knowledge, settings, scale, now, progress)
        with Counter("jours comptés", sys.stderr) as progress:
            await days.keep(database, days.Town.of(knowledge), now, progress)
    finally:
        await database.close()
    _remove(file)
    building.replace(file)
    print(f"{file} : {calls} appels inventés, sur {scale.days} jours")
    print("Pour les voir : ivr console --demo")


def demo_file(settings: Settings) -> Path:
    """The demonstration's database."""
    return settings.paths.var / "demo.sqlite"


def demo_settings(settings: Settings) -> Settings:
    """Settings for showing the demonstration: nothing real is read, or can be changed.

    It has a folder of its own for secrets and messages, and copies of the knowledge and the voices,
    so that what is edited there stays there. Raises IvrError when it was not made, or would show
    the real calls.
    """
    file = demo_file(settings)
    _refuse_real(settings)
    if not file.exists():
        raise IvrError(f"{file} n'existe pas encore : lancez d'abord ivr demo-data")
    var = settings.paths.var / "demo"
    knowledge, voices = var / "knowledge", var / "voices"
    for real, copy in (
        (settings.paths.knowledge, knowledge),
        (settings.paths.voices, voices),
        (settings.paths.var / "matcher", var / "matcher"),  # or its first use takes minutes
    ):
        if real.exists() and not copy.exists():
            shutil.copytree(real, copy)
    paths = settings.paths.model_copy(update={"var": var, "knowledge": knowledge, "voices": voices})
    database = settings.database.model_copy(update={"url": f"sqlite:///{file}"})
    return settings.model_copy(update={"paths": paths, "database": database})


async def write(
    database: Database,
    knowledge: Knowledge,
    settings: Settings,
    scale: Scale,
    now: datetime,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Invent the calls of the days until ``now`` and write them; returns how many there are."""
    kept = settings.retention
    ages = Ages(
        *(now - timedelta(days=days) for days in (kept.transcripts, kept.numbers, kept.messages))
    )
    calls = 0
    rows = Rows()
    for done, made in enumerate(_days(knowledge, scale, ages, now), 1):
        for name, some in vars(made).items():
            getattr(rows, name).extend(some)
        if done % CHUNK == 0 or done == scale.days:
            calls += len(rows.calls)
            await database.run(partial(_insert, rows=rows))
            rows = Rows()
        progress(done, scale.days)
    return calls


def _days(knowledge: Knowledge, scale: Scale, ages: Ages, now: datetime) -> Iterator[Rows]:
    town, aftermath = Town.of(knowledge, scale.seed), Aftermath(knowledge, now)
    today = now.astimezone(knowledge.hours.zone).date()
    usual = usual_weight(today, knowledge)
    for back in reversed(range(scale.days)):
        day = today - DAY * back
        chance = random.Random(f"{scale.seed}/{day}")
        rows = Rows()
        mean = scale.calls * weight(day, knowledge) / usual
        for began in arrivals(day, mean, knowledge, chance):
            if began + timedelta(minutes=15) < now:
                Scene(town, rows, began, chance).play()
        aftermath.settle(rows, ages, chance)
        purge(rows, ages)
        yield rows


def _insert(session: Session, rows: Rows) -> None:
    written: list[tuple[Insert, list[dict[str, object]]]] = [
        (insert(tables.Call), rows.calls),
        (insert(tables.Turn), rows.turns),
        (insert(tables.QueueStay), rows.stays),
        (insert(tables.Callback), rows.callbacks),
        (insert(tables.CallbackAttempt), rows.attempts),
        (insert(tables.Message), rows.messages),
        (insert(tables.OperatorNote), rows.notes),
    ]
    for statement, some in written:
        if some:
            session.execute(statement, some)


def _refuse_real(settings: Settings) -> None:
    file = demo_file(settings)
    if _same_file(settings.database_url, file):
        raise IvrError(
            f"{file} est la base réelle, d'après [database] url : la démonstration n'y touche "
            "pas ; donnez un autre nom à la base réelle"
        )


def _same_file(url: str, file: Path) -> bool:
    try:
        named = make_url(url)
    except ArgumentError:
        return False
    database = named.database
    if named.get_backend_name() != "sqlite" or not database:
        return False
    return Path(database).resolve() == file.resolve()


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
