"""The demonstration's database: plausible, the same for the same seed, and never the real one."""

from __future__ import annotations

import asyncio
import re
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Callback, FiguresDay, QueueStay, Turn
from ivr.demo import commands
from ivr.demo.year import Scale
from ivr.errors import IvrError
from ivr.figures.period import last_days
from ivr.figures.report import report
from ivr.knowledge.base import Knowledge
from ivr.settings import Database as DatabaseSettings
from ivr.settings import Paths, Settings
from ivr.testcaller.network import private_settings
from tests.console import ADMIN, OPERATOR, ROOT, console

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)


def settings_in(folder: Path, url: str = "") -> Settings:
    return Settings(paths=Paths(var=folder), database=DatabaseSettings(url=url))


async def test_a_fortnight_is_plausible_and_repeatable(tmp_path: Path, town: Knowledge) -> None:
    told = []
    for name in ("one", "two"):
        database = Database(f"sqlite:///{tmp_path / name}.sqlite")
        scale = Scale(14, 100, seed=3)
        calls = await commands.write(database, town, Settings(), scale, NOW)
        week = last_days(7, NOW, town.hours.zone)
        found = await database.run(partial(report, knowledge=town, period=week, now=NOW))
        told.append((calls, found.figures.offered, found.figures.lost))
        figures = found.figures
        assert 0.01 < (figures.lost_share or 0) < 0.2
        assert 0.4 < (figures.unanswered_share or 0) + 0.35 < 0.8
        assert figures.wait.count > 50
        assert figures.satisfaction.count > 20
        assert found.callbacks.made > 10
        assert not figures.tally.counts["fate"]["unknown"]
        assert found.figures.questions[0][0] in town.entries
        await database.run(check_rows)
        await database.close()
    assert told[0] == told[1]
    assert 14 * 70 < told[0][0] < 14 * 160  # an election is near


def check_rows(session: Session) -> None:
    """Nothing happens after now or before it began, and every turn belongs to a call."""
    assert not session.scalar(select(func.count()).where(Turn.at > NOW))
    assert session.scalar(select(func.count()).where(Call.ended_at < Call.started_at)) == 0
    assert session.scalar(select(func.count()).where(QueueStay.ended_at < QueueStay.joined_at)) == 0
    states = set(session.scalars(select(Callback.state)))
    assert {"done", "pending"} <= states
    numbers = set(session.scalars(select(Call.caller_number)))
    assert all(one is None or one.startswith(("+3363998", "+3326191")) for one in numbers)


async def test_the_command_makes_a_database_of_its_own(
    tmp_path: Path, town: Knowledge, capsys: pytest.CaptureFixture[str]
) -> None:
    real = tmp_path / "calls.sqlite"
    await Database(f"sqlite:///{real}").close()
    before = real.read_bytes()
    await commands.fill(settings_in(tmp_path), town, Scale(3, 10))
    assert "demo.sqlite" in capsys.readouterr().out
    assert real.read_bytes() == before
    database = Database(f"sqlite:///{tmp_path / 'demo.sqlite'}")
    kept = await database.run(lambda session: session.scalar(select(func.count(FiguresDay.day))))
    await database.close()
    assert kept == 2


async def test_it_never_overwrites_the_real_one(tmp_path: Path, town: Knowledge) -> None:
    real = tmp_path / "demo.sqlite"
    real.write_bytes(b"precious")
    for url in (f"sqlite:///{real}", f"sqlite:///{tmp_path / 'x' / '..' / 'demo.sqlite'}"):
        with pytest.raises(IvrError, match="base réelle"):
            await commands.fill(settings_in(tmp_path, url), town, Scale(1, 10))
        with pytest.raises(IvrError, match="base réelle"):
            commands.demo_settings(settings_in(tmp_path, url))
    assert real.read_bytes() == b"precious"


def contents(*folders: Path) -> dict[Path, bytes]:
    """What is in all files of some folders."""
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files}


def field(name: str, page: str) -> str:
    """What a hidden field of a page brings back."""
    return str(re.findall(rf'name="{name}" value="([^"]+)"', page)[0])


async def test_nothing_that_is_done_in_a_demonstration_is_real(
    tmp_path: Path, town: Knowledge
) -> None:
    reached: list[str] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append("Redis")
        writer.close()

    redis = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = redis.sockets[0].getsockname()[1]
    knowledge, voices = tmp_path / "knowledge", tmp_path / "voices"
    shutil.copytree(ROOT / "knowledge", knowledge)
    shutil.copytree(ROOT / "voices", voices)
    paths = {"knowledge": knowledge, "voices": voices}
    real = private_settings(tmp_path / "var", {"paths": paths, "redis": {"port": port}})
    await Database(real.database_url).close()
    await commands.fill(real, town, Scale(1, 10))
    before = contents(knowledge, voices, tmp_path / "var")
    settings = commands.demo_settings(real)
    async with console(tmp_path, settings, demonstration=True) as running:
        database, now = running.parts.database, datetime.now(UTC)
        wish = Callback(
            id=9_999_999, reference="4711", number="+33639980123", department="accueil",
            state="pending", due_at=now, taken_at=now, updated_at=now,
        )  # fmt: skip
        await database.run(lambda session: session.add(wish))
        at = f"/rappels/{wish.id}"
        async with running.client(ADMIN) as admin, running.client(OPERATOR) as operator:
            for path in ("/direct", "/poste", "/rappels", at, "/chiffres", "/connexion"):
                assert "Ceci est une démonstration" in (await admin.get(path)).text, path
            assert "Aucun téléphone" in (await admin.get("/direct")).text
            assert "ne reçoit pas d’appels" in (await operator.get("/poste")).text
            await operator.post("/poste/etat", {"etat": "sign-in"})
            assert "rien n’a été fait" in (await operator.get("/poste")).text
            await operator.post(f"{at}/appeler")
            assert "ersonne n’est appelé" in (await operator.get(at)).text
            await operator.post(f"{at}/reporter", {"quand": "demain matin"})
            page = (await admin.get("/reglages/voix")).text
            voice = {"vu": field("vu", page), "debit": "0,9", "volume": "-19"}
            assert (await admin.post("/reglages/voix", voice, timeout=60)).status_code == 303
            removal = "/questions/fr/piscine/supprimer"
            form = {"version": field("version", (await admin.get(removal)).text)}
            assert (await admin.post(removal, form, timeout=60)).status_code == 303
        after = await database.run(lambda session: session.get(Callback, wish.id))
        assert after is not None
        assert (after.state, after.operator) == ("pending", None)
    redis.close()
    kept = contents(knowledge, voices, tmp_path / "var")
    assert {file.name for file in before if kept[file] != before[file]} == {"demo.sqlite"}
    assert reached == []
