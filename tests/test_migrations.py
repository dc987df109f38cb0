"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from ivr.calllog.database import Database
from ivr.calllog.tables import Base


async def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    await Database(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_several_threads_may_open_the_database_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    opening = [asyncio.to_thread(Database, url) for _ in range(4)]
    for database in await asyncio.gather(*opening):
        await database.close()


START = """
import asyncio, sys
from ivr.calllog.database import Database
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(Database(sys.argv[1]).close())
"""


@pytest.mark.parametrize("attempt", range(3))
async def test_processes_that_start_together_migrate_once(tmp_path: Path, attempt: int) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, url, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        await process.stdout.readline()  # all have imported what they need
    told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, told
