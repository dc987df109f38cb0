"""Shifts: when operators are signed in and out by themselves."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ivr.asterisk.process import AsteriskProcess
from ivr.knowledge.base import Knowledge
from ivr.knowledge.directory import Operator
from ivr.knowledge.hours import Closure, Schedule
from ivr.knowledge.load import load
from ivr.operators import presence as duty
from ivr.operators.shifts import carry_out, last_change
from ivr.secrets import Secrets
from ivr.settings import Settings
from tests.knowledge_folder import write
from tests.test_ami import connected

PARIS = ZoneInfo("Europe/Paris")
SHIFTS = Schedule.model_validate(
    {"monday": ["08:30-12:00", "12:00-14:00"], "friday": ["09:00-17:00"]}
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return load(write(tmp_path_factory.mktemp("town")))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("now", "change", "begins"),
    [
        ("2026-11-23 08:29", "2026-11-20 17:00", False),  # Monday, before the shift
        ("2026-11-23 08:30", "2026-11-23 08:30", True),
        ("2026-11-23 12:00", "2026-11-23 12:00", True),  # one part follows the other
        ("2026-11-23 14:00", "2026-11-23 14:00", False),
        ("2026-12-25 10:00", "2026-12-21 14:00", False),  # Christmas, a Friday
    ],
)
def test_the_latest_change(town: Knowledge, now: str, change: str, begins: bool) -> None:
    assert last_change(SHIFTS, town.hours, at(now)) == (at(change), begins)


@pytest.mark.parametrize(
    ("closure", "schedules", "change", "begins"),
    [
        ({}, {"mairie"}, "2026-11-20 17:00", False),
        ({"hours": "11:00-13:00"}, {"mairie"}, "2026-11-23 13:00", True),
        ({"hours": "13:00-24:00"}, {"mairie"}, "2026-11-23 13:00", False),
        ({"schedules": ["mairie"]}, {"mairie"}, "2026-11-20 17:00", False),
        ({"schedules": ["piscine"]}, {"mairie"}, "2026-11-23 12:00", True),
        ({"schedules": ["mairie"]}, {"mairie", "piscine"}, "2026-11-23 12:00", True),
    ],
)
def test_nobody_is_signed_in_during_a_closure(
    town: Knowledge, closure: dict[str, object], schedules: set[str], change: str, begins: bool
) -> None:
    found = Closure.model_validate({"from": "2026-11-23", "reason": "un pont", **closure})
    hours = town.hours.model_copy(update={"closures": (found,)})
    assert last_change(SHIFTS, hours, at("2026-11-23 13:30"), schedules) == (at(change), begins)


@pytest.mark.telephone
async def test_a_change_is_carried_out_once(
    asterisk: AsteriskProcess, settings: Settings, secrets: Secrets, town: Knowledge
) -> None:
    one = Operator(name="A", extension="101", departments=("accueil",), shifts=SHIFTS)
    async with connected(settings, secrets) as (client, _):

        async def state(now: str) -> str | None:
            await carry_out(client, one, town, at(now))
            return await client.recall(duty.FAMILY, "101")

        try:
            assert await state("2026-11-23 07:00") == "absent"
            await duty.resume(client, "101")  # comes early
            assert await state("2026-11-23 07:01") is None
            await duty.pause(client, "101", "repas")
            assert await state("2026-11-23 08:31") == "repas", "a shift ends no pause"
            assert await state("2026-11-23 14:01") == "absent"
            [member] = [m for m in await client.members() if m.interface == "PJSIP/poste-101"]
            assert (member.paused, member.pause_reason) == (True, "absent")
            assert await state("2026-11-27 09:00") is None
        finally:
            await duty.resume(client, "101")
