"""Runs tests on a PostgreSQL of their own in place of SQLite, one database for each file.

    .venv/bin/python -m pytest -p tests.postgresql tests/test_calllog.py …

Wants Debian's ``postgresql`` and the extra ``postgresql`` of this project. What processes of their
own open stays SQLite, but for those that are given a URL of ``Cluster``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Engine

USER = "postgres"
"""PostgreSQL does not run as root."""


def programs() -> Path | None:
    """Where the newest PostgreSQL's programs are; None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def missing() -> str:
    """What is missing for these tests; empty when all is there."""
    if programs() is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if find_spec("psycopg") is None:
        return "its driver is not installed: pip install -e .[postgresql]"
    return ""


class Cluster:
    """A PostgreSQL that is running, reached by a socket in its own folder alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._making = threading.Lock()

    def url(self, name: str) -> str:
        """The URL of a database, made when it is not there yet."""
        with self._making, self._admin.connect() as connection:
            known = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if connection.scalar(known, {"name": name}) is None:
                connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def close(self) -> None:
        self._admin.dispose()

    @cached_property
    def _admin(self) -> Engine:
        return create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self._folder}"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL of its own in a temporary folder, as an unprivileged user."""
    binaries = programs()
    assert binaries is not None, missing()
    as_user: dict[str, Any] = {"user": USER, "group": USER} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-") as made:
        folder = Path(made)
        if as_user:
            shutil.chown(folder, USER, USER)
        data = folder / "data"

        def run(program: str, *words: str) -> None:
            subprocess.run(
                [binaries / program, "-D", data, *words],
                check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_user,
            )  # fmt: skip

        run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "-N")
        settings = f"-c listen_addresses= -k {folder} -F"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", settings, "start")
        running = Cluster(folder)
        try:
            yield running
        finally:
            running.close()
            run("pg_ctl", "-w", "-m", "immediate", "stop")


def _version(path: Path) -> float:
    return float(path.parts[-3])


# --- the plugin -----------------------------------------------------------------------------------

OF_FILES = frozenset(
    [
        "test_a_call_whose_opening_could_not_be_written_is_opened_by_the_next_write",
        "test_a_file_that_is_no_database_is_named",
        "test_a_killed_process_leaves_its_call_readable_and_closed_at_the_next_start",
        "test_a_person_is_exported_and_forgotten_from_the_command_line",
        "test_migrations_and_tables_agree",
        "test_the_command_makes_a_database_of_its_own",
        "test_what_was_removed_is_no_longer_in_the_file",
        "test_what_was_said_when_we_were_killed_is_kept_at_the_next_start",
    ]
)
"""Tests of SQLite's own file, or with processes that open it; ``test_postgresql.py`` has some."""


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Leave those out."""
    for item in items:
        if item.originalname in OF_FILES:
            item.add_marker(pytest.mark.skip(reason="of SQLite's file"))


@pytest.fixture(scope="session", autouse=True)
def every_database_is_postgresql() -> Iterator[None]:
    """What this process opens as SQLite is a database of PostgreSQL with the file's name."""
    if fault := missing():
        pytest.exit(fault, returncode=1)
    opened = make_url
    with cluster() as running, pytest.MonkeyPatch.context() as patch:

        def instead(url: str) -> Any:
            file = make_url(url).database if url.startswith("sqlite") else None
            return opened(
                running.url(f"{Path(file).stem}-{crc32(file.encode()):x}") if file else url
            )

        patch.setattr("ivr.calllog.database.make_url", instead)
        yield
