"""One invented call: who calls, what is said, and what becomes of it, as rows of the call log."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ivr.demo.town import Town
from ivr.demo.words import MESSAGES, NOT_THAT, UNKNOWN, VAGUE
from ivr.knowledge.base import RECEPTION
from ivr.knowledge.entries import Entry
from ivr.knowledge.hours import Mode
from ivr.retention.numbers import PREFIX

PRESSURE = (0, 0, 0, 0, 0, 0, 0, 0, 25, 60, 80, 65, 35, 35, 60, 55, 40, 30, 20, 10, 5, 0, 0, 0)
"""Mean wait for an operator by hour, in s."""
PATIENCE = 140.0
"""Mean time after which a caller hangs up in the queue, in s."""
LONGEST_WAIT = 180.0
"""A stay in the queue ends here, in s."""
NAMES = ("Mme Petit", "M. Lefebvre", "Mme Moreau", "M. Garcia", "Mme Diallo", "M. Nguyen", "")
NUMBERS = ("+3363998", "+3326191")
"""Begins numbers that belong to nobody: the regulator keeps them for fiction."""
SORRY = "Excusez-moi, je n'ai pas compris."
REFERENCE_DIGITS = "23456789"


@dataclass
class Rows:
    """Rows by table, as plain values."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    stays: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Ages:
    """From when on words and numbers are still there, as the purge leaves them."""

    words_since: datetime
    numbers_since: datetime
    messages_since: datetime


class Scene:
    """One call being made up; its rows are added to ``rows``."""

    def __init__(self, town: Town, rows: Rows, began: datetime, chance: random.Random) -> None:
        self.town = town
        self.rows = rows
        self.chance = chance
        self.now = began
        self._answered = False
        self._number = 0
        self.call: dict[str, Any] = {
            "id": f"demo-{began:%Y%m%d%H%M%S}-{chance.getrandbits(32):08x}",
            "caller_number": _caller(chance),
            "caller_name": chance.choice(NAMES) if chance.random() < 0.3 else "",
            "dialled": town.knowledge.town.phone.replace(" ", ""),
            "started_at": began,
            "ended_at": None,
            "outcome": None,
            "ended_by": None,
            "department": None,
            "reason": "",
            "language": "en" if chance.random() < 0.015 else "fr",
            "satisfaction": None,
        }

    def play(self) -> None:
        """Make the call up from beginning to end."""
        if self._people_there and self.chance.random() < 0.002:
            self._straight_to_people()  # the application was away
            return
        self.rows.calls.append(self.call)
        self._turn("opened", said="Bonjour, vous êtes en communication avec la mairie.")
        kind = self.chance.random()
        if kind < 0.025:
            self._pass(self.chance.uniform(2, 9))
            self._end("gave-up", "caller")
        elif kind < 0.026:
            self._emergency()
        elif kind < 0.20:
            self._ask_for_person(None)
        else:
            self._ask()

    @property
    def _people_there(self) -> bool:
        return self.town.knowledge.hours.mode(self.now) is not Mode.MACHINE_ALONE

    # --- with the machine ----------------------------------------------------------------------

    def _ask(self) -> None:
        question = self.town.question(self.call["started_at"].date(), self.chance)
        if self.chance.random() < 0.14:
            self._rejected(question)
            if self.chance.random() < 0.12:
                self._end("gave-up", "caller")
                return
        if self.chance.random() < 0.04:
            self._rejected(question)
            self._ask_for_person(None)
            return
        if self.chance.random() < 0.05:
            self._mistaken(question)
            if self.chance.random() < 0.6:
                self._ask_for_person(question)
                return
        self._answer(question)
        kind = self.chance.random()
        if kind < 0.18:
            self._answer(self.town.question(self.call["started_at"].date(), self.chance))
            self._goodbye()
        elif kind < 0.33:
            self._ask_for_person(question)
        else:
            self._goodbye()

    def _answer(self, entry: Entry, asked: Entry | None = None) -> None:
        """``asked``: what the caller meant, when that was another question."""
        self._pass(self.chance.uniform(3, 8))
        sure = asked is not None or self.chance.random() < 0.72
        notes = "" if not sure else f"answered:{entry.id}"
        self._turn(
            "heard",
            heard=self.chance.choice((asked or entry).examples),
            confidence=round(self.chance.uniform(0.6, 0.98), 2),
            entry=entry.id,
            score=round(self.chance.uniform(*((0.75, 0.99) if sure else (0.4, 0.7))), 3),
            decision="answer" if sure else "confirm",
            said=entry.answer if sure else f"Vous appelez pour {entry.confirm}, c'est bien cela ?",
            about=f"faq:{entry.id} more" if sure else "confirm",
            notes=notes,
            response_ms=self._gap(),
        )
        if not sure:
            self._pass(self.chance.uniform(2, 5))
            self._turn(
                "heard", heard="oui", confidence=0.95, entry="oui", score=0.97, decision="answer",
                said=entry.answer, about=f"faq:{entry.id} more",
                notes=f"confirmed:{entry.id} answered:{entry.id}", response_ms=self._gap(),
            )  # fmt: skip
        self._answered = True
        self._pass(len(entry.answer) / 15)

    def _rejected(self, nearest: Entry) -> None:
        self._pass(self.chance.uniform(3, 9))
        if self.chance.random() < 0.3:
            self._turn("unintelligible", said=SORRY, about="reprompt.not-understood")
            return
        unknown = self.chance.random() < 0.5
        words = self.chance.choice(UNKNOWN) if unknown else VAGUE
        self._turn(
            "heard", heard=self.chance.choice(words), confidence=0.5, entry=nearest.id, score=0.3,
            decision="reject", said=SORRY, about="reprompt.not-understood", notes="rejected",
            response_ms=self._gap(),
        )  # fmt: skip

    def _mistaken(self, asked: Entry) -> None:
        """The machine takes it for another question of the department, and the caller says so."""
        near = [one for one in self.town.entries if one.department == asked.department]
        others = [one for one in near if one is not asked] or self.town.entries
        wrong = self.chance.choice(others)
        self._answer(wrong, asked)
        self._answered = False
        self._pass(self.chance.uniform(1, 3))
        self._turn(
            "heard", heard=self.chance.choice(NOT_THAT), confidence=0.9, entry="non", score=0.9,
            decision="answer", said=SORRY, about="reprompt.not-understood",
            notes=f"corrected:{wrong.id}", response_ms=self._gap(),
        )  # fmt: skip

    def _goodbye(self) -> None:
        self._pass(self.chance.uniform(2, 6))
        if self.chance.random() < 0.45:
            self._end("answered", "caller")
            return
        said = "Merci de votre appel. Au revoir."
        if self.chance.random() < 0.6:
            mark = self.chance.choices((1, 2, 3, 4, 5), (6, 6, 15, 38, 35))[0]
            self.call["satisfaction"] = mark
            self._turn("keyed", heard=str(mark), said=said, about="rating.thanks",
                       notes=f"satisfaction:{mark}")  # fmt: skip
        else:
            self._turn("heard", heard="non merci", entry="non", score=0.9, decision="answer",
                       said=said, about="goodbye", response_ms=self._gap())  # fmt: skip
        self._end("answered", "machine")

    # --- towards people ------------------------------------------------------------------------

    def _ask_for_person(self, about: Entry | None) -> None:
        self._pass(self.chance.uniform(2, 6))
        department = about.department if about else RECEPTION
        if department not in self.town.knowledge.departments:
            department = RECEPTION
        there = self._people_there
        said = "Je vous passe un agent." if there else "La mairie est fermée."
        self._turn("heard", heard="je voudrais parler à quelqu'un", confidence=0.9,
                   entry="operateur", score=0.93, decision="answer", said=said,
                   about="transfer" if there else "closed", response_ms=self._gap())  # fmt: skip
        reason = f"{about.title}, déjà renseigné" if about else "Demande un agent"
        if not there:
            self._closed(department, reason)
            return
        self._wait(department, reason)

    def _closed(self, department: str, reason: str) -> None:
        kind = self.chance.random()
        if kind < 0.66:
            self._callback(department, reason)
        elif kind < 0.78:
            self._message(department, reason)
            self._end("answered" if self._answered else "gave-up", "machine")
        else:
            self._end("answered" if self._answered else "gave-up", "caller")

    def _message(self, department: str, reason: str) -> None:
        seconds = round(self.chance.uniform(6, 45), 1)
        self._pass(8 + seconds)
        wish = self._wish(department, reason, "message")
        self.rows.messages.append(
            {
                "call_id": self.call["id"], "callback_id": None, "department": department,
                "file": "", "number": wish["number"], "state": "transcribed", "seconds": seconds,
                "transcript": self.chance.choice(MESSAGES), "recorded_at": self.now,
            }
        )  # fmt: skip

    def _wait(self, department: str, reason: str, call_id: str | None = None) -> None:
        mean = PRESSURE[self.now.hour] + 5
        free = self.chance.random() < 0.45
        needed = self.chance.uniform(2, 8) if free else self.chance.expovariate(1 / mean)
        patience = self.chance.expovariate(1 / PATIENCE) + 8
        joined = self.now
        stay = {
            "call_id": call_id or self.call["id"], "caller_number": self.call["caller_number"],
            "department": department, "reason": reason, "priority": 0, "joined_at": joined,
            "answered_at": None, "ended_at": None, "outcome": "", "operator": None,
        }  # fmt: skip
        self.rows.stays.append(stay)
        waited = min(needed, patience, LONGEST_WAIT)
        self._pass(waited)
        stay["ended_at"] = self.now
        if waited == needed:
            stay |= {"outcome": "answered", "answered_at": self.now}
            stay["operator"] = self.town.operator(department, self.chance)
            transferred = self.now
            self._pass(self.chance.expovariate(1 / 150) + 20)
            stay["ended_at"] = self.now
            self._note(stay)
            self.now = transferred
            self._end("transferred", "transfer", department, reason)
        elif waited == patience and self.chance.random() < 0.55 and call_id is None:
            stay["outcome"] = "key"
            self._callback(department, reason)
        elif waited == patience or call_id is not None:
            stay["outcome"] = "abandoned"
            self._end("transferred", "transfer", department, reason)
        else:
            stay["outcome"] = "timeout"
            self._turn("returned", said="Personne ne peut vous répondre.", about="nobody")
            if self.chance.random() < 0.75:
                self._callback(department, reason)
            else:
                self._end("answered" if self._answered else "gave-up", "caller")

    def _straight_to_people(self) -> None:
        self._wait(RECEPTION, "", self.call["id"])

    def _emergency(self) -> None:
        self._pass(self.chance.uniform(2, 5))
        duty = self.town.knowledge.duty
        self._turn("heard", heard="au secours il y a le feu", entry="urgence", score=0.97,
                   decision="answer", said="Raccrochez et faites le 18 ou le 112.",
                   about="emergency", response_ms=self._gap())  # fmt: skip
        joined, self.call["language"] = self.now, "fr"
        self._pass(self.chance.uniform(4, 20))
        self.rows.stays.append(
            {
                "call_id": self.call["id"], "caller_number": self.call["caller_number"],
                "department": duty, "reason": "URGENCE", "priority": 10, "joined_at": joined,
                "answered_at": self.now, "ended_at": self.now + timedelta(seconds=60),
                "outcome": "answered", "operator": self.town.operator(duty, self.chance),
            }
        )  # fmt: skip
        self._end("emergency", "transfer", duty, "URGENCE")

    def _callback(self, department: str, reason: str) -> None:
        self._pass(self.chance.uniform(20, 45))
        reference = self._reference()
        self._turn("callback-taken", heard=reference, said=f"Votre numéro de rappel : {reference}.",
                   about="callback.taken")  # fmt: skip
        self._wish(department, reason, "caller", reference)
        self._end("callback", "machine")

    def _wish(
        self, department: str, reason: str, origin: str, reference: str = ""
    ) -> dict[str, Any]:
        """To be called back; without a reference, one is made."""
        wish = {
            "reference": reference or self._reference(), "department": department,
            "number": self.call["caller_number"] or _caller(self.chance, shown=True),
            "name": self.call["caller_name"], "reason": reason, "wanted": "", "origin": origin,
            "call_id": self.call["id"], "taken_at": self.now,
        }  # fmt: skip
        self.rows.callbacks.append(wish)
        return wish

    def _reference(self) -> str:
        return "".join(self.chance.choices(REFERENCE_DIGITS, k=4))

    # --- writing -------------------------------------------------------------------------------

    def _note(self, stay: Mapping[str, Any]) -> None:
        if self.chance.random() < 0.08:
            outcome = self.chance.choices(
                ("settled", "passed-on", "call-back", "wrong-department"), (80, 10, 5, 5)
            )[0]
            self.rows.notes.append(
                {
                    "call_id": stay["call_id"], "operator": stay["operator"], "outcome": outcome,
                    "text": "", "at": self.now,
                }
            )  # fmt: skip

    def _turn(self, happened: str, **values: Any) -> None:
        self._number += 1
        blank = {
            "heard": "", "confidence": None, "entry": None, "score": None, "decision": "",
            "said": "", "about": "", "notes": "", "cut_short": None, "response_ms": None,
        }  # fmt: skip
        about = {"call_id": self.call["id"], "number": self._number, "at": self.now}
        self.rows.turns.append({**about, **blank, "happened": happened, **values})

    def _end(self, outcome: str, by: str, department: str | None = None, reason: str = "") -> None:
        self.call |= {
            "ended_at": self.now, "outcome": outcome, "ended_by": by,
            "department": department, "reason": reason,
        }  # fmt: skip

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _gap(self) -> int:
        return max(180, round(self.chance.lognormvariate(6.45, 0.35)))


def _caller(chance: random.Random, *, shown: bool = False) -> str | None:
    if not shown and chance.random() < 0.04:
        return None  # withheld
    return f"{chance.choice(NUMBERS)}{chance.randrange(10_000):04}"


def purge(rows: Rows, ages: Ages) -> None:
    """Leave of the rows what the daily purge would have left."""
    for row in rows.turns:
        if row["at"] < ages.words_since:
            row |= {"heard": "", "said": ""}
    for row in rows.messages:
        if row["recorded_at"] < ages.messages_since:
            row["transcript"] = ""
        if row["recorded_at"] < ages.numbers_since:
            row["number"] = pseudonym(row["number"])
    for row in (*rows.calls, *rows.stays):
        since = row.get("started_at") or row["joined_at"]
        if since < ages.words_since:
            row["reason"] = ""
        if since < ages.numbers_since:
            row["caller_number"] = row["caller_number"] and pseudonym(row["caller_number"])
            if "caller_name" in row:
                row["caller_name"] = ""


def pseudonym(number: str) -> str:
    """What stands for a number after the purge."""
    return f"{PREFIX}demo{number.removeprefix('+')}"
