"""The facts that templates may name: ``town``, ``dept`` and ``place``."""

from __future__ import annotations

from typing import Any

from ivr.knowledge import wording
from ivr.knowledge.directory import DepartmentsFile
from ivr.knowledge.hours import Hours
from ivr.knowledge.templates import Facts
from ivr.knowledge.wording import Wording


def facts_of(
    directory: DepartmentsFile, hours: Hours, language: str, words: Wording
) -> dict[str, Any]:
    """The facts in one language, as ``render`` takes them."""

    def spoken(schedule: str) -> dict[str, str]:
        if schedule not in hours.schedules:
            return {}
        return {"hours": wording.weekly(hours, schedule, words)}

    departments, places = {}, {}
    for one in directory.departments:
        departments[one.id] = Facts(
            f"dept['{one.id}']",
            {
                "name": one.names.get(language, one.name),
                "address": one.address or directory.town.address,
                "phone": one.phone or directory.town.phone,
                **spoken(one.schedule),
            },
        )
    for place in directory.places:
        values = {
            "name": place.names.get(language, place.name),
            "address": place.address,
            "phone": place.phone,
            **spoken(place.schedule),
        }
        places[place.id] = Facts(
            f"place['{place.id}']", {name: value for name, value in values.items() if value}
        )
    return {
        "town": Facts("town", directory.town.facts()),
        "dept": Facts("dept", departments),
        "place": Facts("place", places),
    }
