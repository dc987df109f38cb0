"""A console killed while it changes files: no change is without its record, and none invented."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.calllog.accounts import AuditLine
from ivr.calllog.changes import FaqChange, Intent
from ivr.calllog.database import Database
from ivr.calllog.tables import Suggestion
from ivr.console.desk import Desk
from ivr.console.records import Records
from ivr.knowledge.editing import Edit, find
from ivr.knowledge.settings_files import Prepared, lines_changed, prepare, version
from ivr.knowledge.store import Store
from ivr.settings import Paths, Settings
from ivr.yamledit import FileChanged
from tests.knowledge_folder import put, write

NOW = datetime(2026, 3, 2, tzinfo=UTC)

STEPS = 20
"""More than the longest save takes."""
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from ivr.calllog.database import Database
from ivr.knowledge import together
from tests import test_records

folder, what = Path(sys.argv[1]), sys.argv[2]
run, written = Database.run, together.replace

def step():
    global steps
    steps -= 1
    if steps < 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def committed(self, work):
    done = await run(self, work)
    step()
    return done

def replace(*given):
    written(*given)
    step()

async def main(folder):
    async with test_records.desk(folder) as desk:
        Database.run, together.replace = committed, replace
        await test_records.save(desk, what)

for number in range(test_records.STEPS):
    steps = number
    if (process := os.fork()) == 0:
        asyncio.run(main(folder / str(number)))
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
    if status == 0:
        break
"""
"""Saves again and again, each time killed one step later, until it comes to its end."""


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    settings = Settings(paths=Paths(knowledge=folder / "knowledge", var=folder))
    database = Database(f"sqlite:///{folder / 'calls.sqlite'}")
    try:
        yield Desk(settings, database, Records(database, folder))
    finally:
        await database.close()


async def save(own: Desk, what: str) -> None:
    """Add an example that a caller said, or remove an entry with its translation."""
    entry = find(own.root, "fr", "piscine")
    assert entry is not None
    if what == "removal":
        await own.save(Edit("fr", "piscine", entry.data, None), "claire")
        return
    examples = [*entry.data["examples"], "faire des longueurs"]
    edit = Edit("fr", "piscine", entry.data, {**entry.data, "examples": examples})
    await own.save(edit, "claire", taken=["digest"])


async def rows(database: Database) -> tuple[list[str], list[str], list[str], int]:
    """Who made the changes of the history and of the audit, what was taken, what is unsettled."""
    return await database.run(
        lambda session: (
            list(session.scalars(select(FaqChange.who))),
            list(session.scalars(select(AuditLine.who))),
            list(session.scalars(select(Suggestion.key))),
            len(session.scalars(select(Intent)).all()),
        )
    )


@pytest.fixture(scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write(folder / "knowledge")
    async with desk(folder):
        return folder


def texts(folder: Path) -> list[bytes]:
    return [one.read_bytes() for one in sorted(folder.glob("knowledge/**/*.yaml"))]


@pytest.mark.parametrize(
    ("what", "record"),
    [("example", (["claire"], ["claire"], ["digest"], 0)),
     ("removal", (["claire", "claire"], ["claire"], [], 0))],
)  # fmt: skip
async def test_killed_at_any_step(
    whole: Path, tmp_path: Path, what: str, record: tuple[list[str], list[str], list[str], int]
) -> None:
    for step in range(STEPS):
        shutil.copytree(whole, tmp_path / str(step))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), what, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate()
    *killed, ended = map(int, told.split())
    assert (ended, set(killed)) == (0, {-signal.SIGKILL})
    outcomes = []
    for step in range(len(killed) + 1):
        folder = tmp_path / str(step)
        Store(folder / "knowledge")
        async with desk(folder) as own:
            await own.begin()
            made = texts(folder) != texts(whole)
            assert await rows(own._database) == (record if made else ([], [], [], 0)), step
        outcomes.append(made)
    assert outcomes[0] is False
    assert outcomes[-2:] == [True, True], "killed once more after all is written"
    assert outcomes == sorted(outcomes)


async def test_a_change_that_cannot_be_made_leaves_no_record(whole: Path, tmp_path: Path) -> None:
    """Of the files as somebody else has written them meanwhile, nothing tells that it was made."""
    folder = tmp_path / "own"
    shutil.copytree(whole, folder)
    root = folder / "knowledge"

    def closed(data: dict[str, object]) -> None:
        data["switchboard"] = "piscine"

    def prepared() -> Prepared:
        made = prepare(root, "hours.yaml", version(root / "hours.yaml"), closed)
        put(root / "hours.yaml", (root / "hours.yaml").read_text() + "# by hand\n")
        return made

    def note(_session: object, made: Prepared) -> list[AuditLine]:
        assert lines_changed(*made.drafts) == ("switchboard: mairie", "switchboard: piscine")
        return [AuditLine(at=NOW, who="claire", action="a changé")]

    async with desk(folder) as own:
        with pytest.raises(FileChanged):
            await own._records.make(prepared, note)
        assert await rows(own._database) == ([], [], [], 0)
