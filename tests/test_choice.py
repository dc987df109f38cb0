"""Whose telephone a callback rings."""

from __future__ import annotations

import pytest

from ivr.asterisk.ami_events import Member
from ivr.callbacks.choice import operator_for, served


def member(
    extension: str, queue: str = "accueil", state: str = "free", penalty: int = 0,
    paused: bool = False,
) -> Member:  # fmt: skip
    return Member(queue, f"PJSIP/poste-{extension}", "", state, paused, "", False, penalty)


def test_who_is_rung() -> None:
    staff = [member("101", penalty=1), member("102"), member("103", state="in-use")]

    def rung(holder: str | None = None, taken: tuple[str, ...] = (), to: str = "accueil") -> object:
        return operator_for(to, holder, staff, [], taken)

    assert rung() == "102"
    assert rung(taken=("102",)) == "101"
    assert rung(holder="101") == "101"
    assert rung(holder="103") is None, "busy, and it is theirs"
    assert rung(to="eau") is None
    assert operator_for("accueil", None, [member("101", paused=True)], [], ()) is None


@pytest.mark.parametrize(
    ("free", "waiting", "rung"),
    [
        ({"101": "accueil"}, "accueil", None),
        ({"101": "accueil", "102": "accueil"}, "accueil", "101"),
        ({"101": "accueil", "102": "accueil"}, "accueil accueil", None),
        ({"101": "accueil"}, "eau", "101"),  # it could not take them
        ({"101": "accueil eau"}, "eau", None),
        ({"101": "accueil eau", "102": "accueil"}, "eau", "102"),
        ({"101": "accueil eau", "102": "eau"}, "eau", "101"),
        ({"101": "accueil eau", "102": "eau voirie"}, "eau voirie", None),
        ({"101": "accueil eau", "102": "eau voirie", "103": "voirie"}, "eau voirie", "101"),
    ],
)
def test_callers_who_wait_go_first(free: dict[str, str], waiting: str, rung: str | None) -> None:
    staff = [member(name, queue) for name, queues in free.items() for queue in queues.split()]
    assert operator_for("accueil", None, staff, waiting.split(), ()) == rung


def test_callers_are_served_by_whoever_can() -> None:
    assert served(["eau", "eau", "voirie"], {"1": ["eau", "voirie"], "2": ["eau"], "3": []}) == 2
    assert served(["voirie", "eau"], {"1": ["eau", "voirie"], "2": ["voirie"]}) == 2
    assert served(["eau"] * 500, {}) == 0
