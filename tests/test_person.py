"""All that is held of a person is handed out whole, and forgotten whole."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import stat
import sys
import zipfile
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from ivr.callbacks import policy
from ivr.calllog import words
from ivr.calllog.accounts import AuditLine
from ivr.calllog.database import Database
from ivr.calllog.tables import Call, Callback, Turn
from ivr.dialogue import turns
from ivr.errors import IvrError
from ivr.retention import export
from ivr.retention.numbers import Pseudonyms, is_pseudonym
from ivr.retention.person import BeingCalled, People
from ivr.retention.purge import Purger
from ivr.retention.rules import RULES
from ivr.secrets import load_or_create
from ivr.settings import Retention
from ivr.waiting import stays
from tests.retention_rows import NOW, PSEUDONYMS, all_of, keep, names_in, on_disk, rows, values

PARIS = ZoneInfo("Europe/Paris")
E164 = "+33612345678"
OTHER = "0698765432"


@pytest.fixture
def people(database: Database, sounds: Path) -> People:
    return People(database, PSEUDONYMS, sounds)


async def everything(database: Database) -> list[dict[str, object]]:
    return [values(row) for rule in RULES for row in await all_of(database, rule.table)]


# --- finding and handing out -------------------------------------------------------------------


async def test_everything_of_a_number_is_found_and_nothing_of_others(
    database: Database, sounds: Path, people: People
) -> None:
    await keep(database, sounds, rows(1, "1.1"), rows(2, "1.2", number=OTHER))
    held = await people.find(E164)
    personal = [rule.table for rule in RULES if rule.numbers or rule.links]
    assert set(held.rows) == set(personal), "a table whose rows of the test were not found"
    assert all(len(some) == 1 for some in held.rows.values())
    assert OTHER not in export.as_json(held, NOW)
    assert "1.2" not in export.as_json(held, NOW)


async def test_what_stands_under_a_pseudonym_is_found_too(
    database: Database, sounds: Path, people: People
) -> None:
    await keep(database, sounds, rows(100, "1.1"), rows(1, "1.2"))
    await Purger(database, Retention(), PSEUDONYMS, sounds).run(NOW)
    assert {call.id for call in (await people.find(E164)).of(Call)} == {"1.1", "1.2"}


async def test_an_export_is_whole_and_only_for_its_owner(
    database: Database, sounds: Path, people: People, tmp_path: Path
) -> None:
    await keep(database, sounds, rows(1, "1.1"))
    held = await people.find(E164)
    folder = tmp_path / "export"
    export.write_folder(held, sounds, folder, NOW, PARIS)
    assert names_in(folder) == ["donnees.html", "donnees.json", "messages"]
    assert (folder / "messages" / "1.1.wav").read_bytes() == b"sound"
    document = json.loads((folder / "donnees.json").read_text())
    assert document["number"] == E164
    assert document["turns"][0]["heard"] == "une fuite chez moi"
    assert document["callbacks"][0]["wanted"] == "demain matin"
    page = (folder / "donnees.html").read_text()
    for expected in ("06 12 34 56 78", "Messages vocaux", "ce qui a été compris", "une fuite chez"):
        assert expected in page
    for code in ("rappel noté", "l’appelant", "Parole", "a raccroché", "joint", "fait", "français"):
        assert f"<td>{code}</td>" in page
    assert not re.search(
        "<td>(callback|caller|heard|abandoned|done|reached|transcribed)</td>", page
    )
    assert "23/11/2026 04:00:00" in page, "on the town's clocks"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "donnees.json").stat().st_mode) == 0o600
    with pytest.raises(IvrError, match="existe déjà"):
        export.write_folder(held, sounds, folder, NOW, PARIS)
    archive = zipfile.ZipFile(io.BytesIO(export.as_zip(held, sounds, NOW, PARIS)))
    assert sorted(archive.namelist()) == ["donnees.html", "donnees.json", "messages/1.1.wav"]


async def test_words_of_a_caller_are_no_markup(
    database: Database, sounds: Path, people: People
) -> None:
    call, turn, *_ = rows(1, "1.1")
    assert isinstance(turn, Turn)
    turn.heard = "<script>alert(1)</script>"
    await keep(database, sounds, [call, turn])
    assert "<script>" not in export.as_page(await people.find(E164), NOW, PARIS)


def test_people_read_french_for_every_table_and_column() -> None:
    personal = [rule.table for rule in RULES if rule.numbers or rule.links]
    assert set(export.HEADINGS) == set(personal), "give it a heading in ivr/retention/export.py"
    columns = {column.key for table in personal for column in table.__table__.columns}
    assert columns == set(export.LABELS), "give it a label in ivr/retention/export.py"


def test_people_read_french_for_every_code() -> None:
    assert set(words.OUTCOMES) == set(turns.Outcome)
    assert set(words.CALLBACKS) == set(policy.State)
    assert set(words.ATTEMPTS) == {*policy.Outcome, ""}
    assert set(words.STAYS) == {
        *(stays.ANSWERED, stays.ABANDONED, stays.TIMEOUT, stays.EMPTY, stays.KEY, stays.UNKNOWN)
    }
    happenings = {name.replace("-", "") for name in words.HAPPENINGS | words.SAID}
    assert happenings == {one.__name__.lower() for one in get_args(turns.Happening)}


# --- forgetting --------------------------------------------------------------------------------


async def test_who_is_forgotten_cannot_be_found_and_others_are_untouched(
    database: Database, sounds: Path, people: People
) -> None:
    await keep(database, sounds, rows(2, "1.2", number=OTHER))
    before = await everything(database)
    await keep(database, sounds, rows(1, "1.1"), rows(100, "1.3"))
    await people.forget(E164, NOW)
    assert not (await people.find(E164)).rows
    text = str(await everything(database))
    for gone in ("12345678", "12 34 56 78", "une fuite chez", "Il y a une fuite", "demain matin"):
        assert text.count(gone) == str(before).count(gone)
    after = await everything(database)
    assert all(row in after for row in before)
    assert names_in(sounds) == ["1.2.wav"]
    calls = {call.id: call for call in await all_of(database, Call)}
    assert set(calls) == {"1.1", "1.2", "1.3"}, "calls are still counted"
    assert calls["1.1"].caller_number == calls["1.3"].caller_number
    assert is_pseudonym(calls["1.1"].caller_number or "")
    assert calls["1.1"].caller_number != PSEUDONYMS.of(E164), "nor by trying all numbers"


async def test_what_is_forgotten_is_no_longer_on_the_disk(
    database: Database, sounds: Path, people: People, tmp_path: Path
) -> None:
    await keep(database, sounds, rows(1, "1.1"))
    assert b"une fuite" in on_disk(tmp_path)
    await people.forget(E164, NOW)
    content = on_disk(tmp_path)
    assert b"1.1" in content
    assert b"une fuite" not in content
    assert b"12345678" not in content


@pytest.mark.parametrize("state", ["pending", "person"])
async def test_open_callbacks_are_cancelled(
    database: Database, sounds: Path, people: People, state: str
) -> None:
    await keep(database, sounds, rows(1, "1.1", state=state))
    assert len((await people.find(E164)).open_callbacks) == 1
    await people.forget(E164, NOW)
    (callback,) = await all_of(database, Callback)
    assert (callback.state, callback.updated_at) == ("cancelled", NOW)
    assert is_pseudonym(callback.number)


async def test_nobody_is_forgotten_while_on_the_line(
    database: Database, sounds: Path, people: People
) -> None:
    call, *_ = rows(0, "1.1")
    assert isinstance(call, Call)
    call.ended_at = None
    await keep(database, sounds, [call], rows(1, "1.2", number=OTHER, state="dialling"))
    before = await everything(database)
    with pytest.raises(BeingCalled, match="06 12 34 56 78 est en cours"):
        await people.forget(E164, NOW)
    with pytest.raises(BeingCalled, match="en train d'être rappelé"):
        await people.forget("+33698765432", NOW)
    assert await everything(database) == before


async def test_a_number_dictated_from_another_telephone_is_forgotten_there(
    database: Database, sounds: Path, people: People
) -> None:
    await keep(database, sounds, rows(1, "1.1", number=OTHER))

    def redirect(session: object) -> None:
        callback = session.query(Callback).one()  # type: ignore[attr-defined]
        callback.number = E164

    await database.run(redirect)
    held = await people.find(E164)
    assert not held.of(Call), "who dictated it is somebody else"
    await people.forget(E164, NOW)
    (call,) = await all_of(database, Call)
    assert (call.caller_number, call.caller_name, call.reason) == (OTHER, "Mme Petit", "")
    (turn,) = await all_of(database, Turn)
    assert (turn.heard, turn.said) == ("", "")


async def test_a_sound_that_stays_stops_the_forgetting(
    database: Database, sounds: Path, people: People
) -> None:
    await keep(database, sounds, rows(1, "1.1"))
    (sounds / "1.1.wav").unlink()
    (sounds / "1.1.wav").mkdir()
    before = await everything(database)
    with pytest.raises(IvrError, match="ne peut pas être effacé"):
        await people.forget(E164, NOW)
    assert await everything(database) == before


# --- the commands ------------------------------------------------------------------------------


async def ivr(var: Path, *command: str, fails: bool = False) -> str:
    """What a command prints, run where no keyboard is."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("ivr"), *command,
        env=os.environ | {"IVR_PATHS_VAR": str(var)}, cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told = (await process.communicate())[0].decode()
    assert (process.returncode == 1) == fails, told
    assert "Traceback" not in told
    return told


async def test_a_person_is_exported_and_forgotten_from_the_command_line(tmp_path: Path) -> None:
    var, folder = tmp_path / "var", tmp_path / "out"
    (var / "messages").mkdir(parents=True)
    key = Pseudonyms(load_or_create(var).pseudonyms)
    database = Database(f"sqlite:///{var / 'calls.sqlite'}")
    call, *others = rows(1, "1.1", state="pending")
    assert isinstance(call, Call)
    call.caller_number = key.of("+33612345678")  # as after a purge
    await keep(database, var / "messages", [call, *others])
    await database.close()
    told = await ivr(var, "export", "06 12 34 56 78", "-o", str(folder))
    assert "06 12 34 56 78 : 1 appel, 1 rappel en attente, 1 message vocal" in told
    assert "messages" in names_in(folder)
    refused = await ivr(var, "forget", "0612345678", fails=True)
    assert "Le rappel 4821 (eau-1.1) sera annulé" in refused
    assert "confirmez avec --yes" in refused
    assert "C'est effacé" in await ivr(var, "forget", "0612345678", "--yes")
    assert "Aucune donnée" in await ivr(var, "export", "0612345678")
    database = Database(f"sqlite:///{var / 'calls.sqlite'}")
    lines = [(one.who, one.action, one.subject) for one in await all_of(database, AuditLine)]
    await database.close()
    assert lines == [
        ("ivr", "a exporté les données d'un numéro", "06 •• •• •• 78"),
        ("ivr", "a effacé les données d'un numéro", "06 •• •• •• 78"),
    ]
    refused = await ivr(var, "forget", "Mme Petit", "--yes", fails=True)
    assert "ce n'est pas un numéro de téléphone" in refused
