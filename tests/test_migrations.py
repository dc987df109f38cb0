"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

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
for url in sys.argv[1:]:
    sys.stdin.readline()
    asyncio.run(Database(url).close())
    print("done", flush=True)
"""


async def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / f'{attempt}.sqlite'}" for attempt in range(3)]
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, *urls, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(4)
    ]
    for _ in urls:  # each once all have imported what they need, or are done with the one before
        for process in processes:
            assert process.stdout is not None
            await process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
    told = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, told
