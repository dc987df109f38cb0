"""``ivr figures`` and the tables: what is printed, for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from ivr.calllog.database import Database
from ivr.errors import IvrError
from ivr.figures import commands, wording
from ivr.figures.by import By
from ivr.figures.commands import Wanted
from ivr.figures.period import Period
from ivr.figures.report import compare
from ivr.figures.tables import Table, as_csv, table
from ivr.knowledge.base import Knowledge
from tests.figures_log import ANSWER, Log, at

NOW = at("2026-03-10T12:00")
MONDAY = Period(date(2026, 3, 2), date(2026, 3, 2))


@pytest.fixture
async def url(tmp_path: Path) -> str:
    """A log with two days: one call lost of four, after none of one."""
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    log = Log()
    log.call("2026-03-01T09:00", "answered", ANSWER)
    for _ in range(3):
        log.call("2026-03-02T09:00", "answered", ANSWER)
    log.stay(log.call("2026-03-02T10:00", "transferred"), "2026-03-02T10:01", "abandoned", 30)
    log.callback("2026-03-02T10:00", ("2026-03-02T11:00", "reached"), state="done")
    database = Database(url)
    await database.run(lambda session: session.add_all(log.written()))
    await database.close()
    return url


async def test_the_headline_is_the_share_of_calls_lost(
    url: str, town: Knowledge, capsys: pytest.CaptureFixture[str]
) -> None:
    await commands.figures(url, town, Wanted("2026-03-02", by=By.HOUR))
    told = capsys.readouterr().out.replace("\u202f", " ")
    assert "1 appel perdu sur 4, soit 25,0 %, contre 0,0 % la veille." in told
    assert "Chiffres le lundi 02/03/2026, comparés à ceux du dimanche 01/03/2026" in told
    assert "10 h - 11 h" in told


async def test_for_programs(url: str, town: Knowledge, capsys: pytest.CaptureFixture[str]) -> None:
    await commands.figures(url, town, Wanted("2026-03-02", form="json", rebuild=True))
    data = json.loads(capsys.readouterr().out)
    assert data["this"]["lost_share"] == 0.25
    assert data["this"]["callbacks"]["on_time_share"] == 1
    assert data["before"]["offered"] == 1


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted("hier"), "--from : « hier » n'est pas une date"),
        (Wanted("2026-03-02", "2026-02-30"), "--to : « 2026-02-30 »"),
        (Wanted("2026-03-02", "2026-03-01"), "avant de commencer"),
    ],
)
async def test_a_period_that_cannot_be_is_told(
    url: str, town: Knowledge, wanted: Wanted, why: str
) -> None:
    with pytest.raises(IvrError, match=why):
        await commands.figures(url, town, wanted)


@pytest.mark.parametrize("by", list(By))
async def test_every_table_is_a_spreadsheet(url: str, town: Knowledge, by: By) -> None:
    database = Database(url)
    both = await database.run(lambda session: compare(session, town, MONDAY, NOW))
    await database.close()
    shown = table(both.this, by, town)
    text = as_csv(shown)
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert rows[0] == list(shown.header)
    assert all(len(row) == len(rows[0]) for row in rows)
    assert len(rows) > 1


def test_no_cell_becomes_a_formula() -> None:
    hostile = ["=1+1", "+33612345678", "-2", "@SUM(A1)", "\t=1", "\r=1", 'a;b"c']
    text = as_csv(
        Table("", ["x"], [[one] for one in hostile] + [[-1], [0.25], [54321.5], [20.0], [None]])
    )
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";"))
    cells = [row[0] if row else "" for row in rows[1:]]
    assert cells == [f"'{one}" for one in hostile[:6]] + [
        'a;b"c',
        "-1",
        "0,25",
        "54321,5",
        "20",
        "",
    ]


def test_numbers_are_written_as_in_french() -> None:
    assert wording.number(146000) == "146\u202f000"
    assert wording.percent(0.0349) == "3,5\u202f%"
    assert wording.percent(None) == "–"
    assert [wording.duration(one) for one in (5, 65, 4321, None)] == [
        "5 s", "1 min 05", "1 h 12", "–",
    ]  # fmt: skip
    assert wording.age(timedelta(days=1200)) == "1\u202f200 jours"
    assert wording.milliseconds(650) == "0,65 s"
