"""What only a real PostgreSQL shows; ``tests/postgresql.py`` runs the other tests of SQL there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text, update

from ivr.calllog.database import Database
from ivr.calllog.tables import Base, Call
from ivr.errors import CallLogError
from tests.postgresql import Cluster, cluster, missing
from tests.test_migrations import START

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


async def test_migrations_and_tables_agree(server: Cluster) -> None:
    url = server.url("agree")
    await Database(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_processes_that_start_together_migrate_once(server: Cluster) -> None:
    url, pipe = server.url("together"), asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, url, stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        await process.stdout.readline()  # it has imported what it needs
    told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, told


async def test_a_row_that_another_program_holds_is_not_waited_for_for_ever(
    server: Cluster,
) -> None:
    database = Database(server.url("held"), busy_ms=100)
    call = Call(id="1.1", caller_number=None, started_at=datetime.now(UTC))
    await database.run(lambda session: session.add(call))
    engine = create_engine(server.url("held"))
    with engine.begin() as other:
        other.execute(text("UPDATE calls SET outcome = 'held'"))
        with pytest.raises(CallLogError, match="lock timeout"):
            await database.run(lambda session: session.execute(update(Call).values(outcome="")))
    await database.run(lambda session: session.execute(update(Call).values(outcome="")))
    engine.dispose()
    await database.close()


async def test_a_connection_that_was_cut_costs_no_write(server: Cluster) -> None:
    database = Database(server.url("cut"))
    call = Call(id="1.1", caller_number=None, started_at=datetime.now(UTC))
    await database.run(lambda session: session.add(call))
    engine = create_engine(server.url("cut"), isolation_level="AUTOCOMMIT")
    with engine.connect() as other:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        cut = other.scalars(
            text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        )
        assert any(cut)
    engine.dispose()
    await database.run(lambda session: session.execute(update(Call).values(outcome="answered")))
    await database.close()
