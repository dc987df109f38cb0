"""The switchboard as a whole: what ends it, and how it tells."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ivr import app, exchange
from ivr.errors import AriRefused, KnowledgeError
from ivr.knowledge.store import Store
from ivr.settings import Paths, Settings
from ivr.testcaller.network import private_settings
from tests.fake_ari import fake_ari
from tests.knowledge_folder import write

ROOT = Path(__file__).parents[1]


async def test_a_refused_password_is_told_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def no_parts(*_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(observer=None, hearing="none", clip=nothing_said)

    async def nothing_said(*_: object, **__: object) -> bytes:
        return b""

    monkeypatch.setattr(app, "parts", no_parts)
    monkeypatch.setattr(app, "speaking", no_parts)
    async with fake_ari() as fake:
        asterisk = {"http_port": fake.port}
        settings = private_settings(tmp_path_factory.mktemp("app"), {"asterisk": asterisk})
        with pytest.raises(AriRefused, match="refused the ARI user"):
            await app.serve(settings)


async def test_a_changed_voice_speaks_all_ahead_again_and_leaves_what_it_was_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "voices", tmp_path / "voices")
    settings = private_settings(tmp_path / "var", {"paths": {"voices": tmp_path / "voices"}})
    events = asyncio.Queue[str]()

    async def speak_for_hours(*_: object) -> None:
        events.put_nowait("begun")
        try:
            await asyncio.Event().wait()
        finally:
            events.put_nowait("left")

    @asynccontextmanager
    async def voice(_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(render=speak_for_hours)

    monkeypatch.setattr(app, "speaking", voice)
    rehearsing = asyncio.create_task(app.rehearse(settings, prompts_only=True, watch=True))
    async with asyncio.timeout(20):
        assert await events.get() == "begun"
        file = tmp_path / "voices" / "siwis.yaml"
        file.write_text(file.read_text().replace("pace: 1.0", "pace: 0.9"))
        assert sorted([await events.get(), await events.get()]) == ["begun", "left"]
    rehearsing.cancel()
    await asyncio.wait([rehearsing])


async def test_what_was_edited_away_is_no_longer_kept_once_all_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, list[tuple[str, str]]]] = []

    async def render(sentences: Iterable[tuple[str, str]], _: object) -> None:
        done.append(("spoken", list(sentences)))

    def prune(keep: Iterable[tuple[str, str]]) -> int:
        done.append(("kept", list(keep)))
        return 0

    @asynccontextmanager
    async def voice(_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(render=render, prune=prune)

    monkeypatch.setattr(app, "speaking", voice)
    await app.rehearse(private_settings(tmp_path / "var"))
    (spoken, lines), (kept, same) = done
    assert (spoken, kept) == ("spoken", "kept")
    assert lines == same != []


def test_a_switchboard_that_hangs_ends_and_says_where() -> None:
    hanging = """
import asyncio, threading
from ivr.app import show_life

async def main():
    asyncio.create_task(show_life(0.5))
    await asyncio.sleep(0)
    threading.Event().wait()

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", hanging], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "in main" in ended.stderr


def test_a_switchboard_that_does_not_end_when_told_to_is_ended() -> None:
    clinging = """
import asyncio
from ivr.app import show_life

async def cling():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def fail():
    await asyncio.sleep(0.1)
    raise ValueError

async def main():
    async with asyncio.TaskGroup() as tasks:
        for work in (show_life(0.5), cling(), fail()):
            tasks.create_task(work)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-c", clinging], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_after_a_broken_edit_the_switchboard_starts_again_with_the_last_good_version(
    tmp_path: Path,
) -> None:
    root = write(tmp_path / "knowledge")
    settings = Settings(paths=Paths(var=tmp_path / "var", knowledge=root))
    Store(root, kept=settings.kept_knowledge)
    (root / "departments.yaml").write_text("departments: [", encoding="utf-8")
    conf = exchange.render_asterisk(settings)
    assert "[accueil]" in (conf.parent / "queues.conf").read_text(encoding="utf-8")
    with pytest.raises(KnowledgeError):
        exchange.learn(settings)
