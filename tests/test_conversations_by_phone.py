"""Scripted conversations as real calls: spoken words, pressed keys, silence."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ivr import app, call, exchange, simulate
from ivr.asterisk.leg import Leg
from ivr.call import Parts
from ivr.calllog.tables import Call
from ivr.errors import CallerGone
from ivr.secrets import load_or_create
from ivr.simulate import Ending, Move, Script
from ivr.testcaller.caller import Caller, Manner, Speak
from ivr.testcaller.people import people
from ivr.testcaller.telephones import Telephones
from tests.exchange import TOWN_HALL, application, ari_address
from tests.test_conversations import SCRIPTS
from tests.town import ROOT, lines, settings_in

pytestmark = [pytest.mark.telephone, pytest.mark.speech]

PLAYED = {path.stem: script for path in SCRIPTS if (script := simulate.read_script(path)).call}
AT_ONCE = 3
LIMIT = 120.0
"""Seconds until the machine must have said what a script expects; read-back of a number is made on
the spot, which takes its time on a busy machine."""
ANYTHING = Move(machine=())


@dataclass
class Playing:
    """One script, and the call that plays it."""

    script: Script
    number: str
    over: asyncio.Event
    """The machine has let go of the call, and the call log knows."""


class Stage:
    """The switchboard on which scripts are played, each at the time that it names."""

    def __init__(self, parts: Parts, phones: Telephones, speak: Speak) -> None:
        self._parts = parts
        self._phones = phones
        self._speak = speak
        self._zone = parts.mind.dialogue.talk.knowledge.hours.zone
        self._playing: dict[str | None, Playing] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    async def handle(self, leg: Leg) -> None:
        """As the switchboard does, with the clock that the script wants."""
        playing = self._playing[leg.started.caller.number]
        at = playing.script.at.replace(tzinfo=self._zone)
        await call.handle(leg, replace(self._parts, now=lambda: at))
        playing.over.set()

    async def play(self, script: Script, number: str) -> None:
        """Fails with the whole conversation when it differs from the script."""
        for words in filter(None, (move.caller for move in script.transcript)):
            await self._speak(words)  # now rather than while the machine waits
        async with self._places:
            playing = self._playing[number] = Playing(script, number, asyncio.Event())
            async with self._phones.call(TOWN_HALL, number) as caller:
                await caller.until_answered()
                faults = await self._converse(playing, caller)
                faults += simulate.ending_differences(script, await self._ending(playing))
        assert not faults, "\n".join([*faults, *await self._transcript(number)])

    async def _converse(self, playing: Playing, caller: Caller) -> list[str]:
        """The caller goes on as soon as the machine begins to say what is expected."""
        seen, expected, faults = 0, ANYTHING, list[str]()
        for move in (*playing.script.transcript, None):
            if move is not None and move.machine is not None:
                expected = move
                continue
            faults += await self._listen(playing, caller, seen, expected)
            if faults or move is None:
                return faults
            expected, seen = ANYTHING, len((await self._call(playing.number)).turns)
            await act(caller, move)
        return faults

    async def _listen(
        self, playing: Playing, caller: Caller, seen: int, expected: Move
    ) -> list[str]:
        """Wait until all that is expected was said since the first ``seen`` turns."""
        said = ""
        try:
            async with asyncio.timeout(LIMIT):
                while not said or simulate.differences(expected, said):
                    caller.skip()
                    with contextlib.suppress(TimeoutError):  # a short answer may be over already
                        await caller.until_sound(1)
                    turns = (await self._call(playing.number)).turns[seen:]
                    said = " ".join(turn.said for turn in turns if turn.said)
        except (TimeoutError, CallerGone) as error:
            return [*simulate.differences(expected, said), f"then: {error!r}"]
        return []

    async def _ending(self, playing: Playing) -> Ending:
        if playing.script.ends is not None:
            async with asyncio.timeout(LIMIT):
                await playing.over.wait()
        row = await self._call(playing.number)
        taken = [one for one in await self._parts.callbacks.open() if one.call_id == row.id]
        written = {
            name: value
            for one in taken
            for name, value in (vars(one) | {"when": one.wanted}).items()
            if isinstance(value, str)
        }
        return Ending(row.outcome, row.department, row.reason, written)

    async def _call(self, number: str) -> Call:
        calls = await self._parts.calllog.calls(limit=len(PLAYED))
        return next(call for call in calls if call.caller_number == number)

    async def _transcript(self, number: str) -> list[str]:
        turns = (await self._call(number)).turns
        return [f"{turn.happened} « {turn.heard} » → « {turn.said} »" for turn in turns]


async def act(caller: Caller, move: Move) -> None:
    """Do what a script says, and do not listen to what came meanwhile."""
    if move.caller is not None:
        await caller.say(move.caller)
    elif move.keys is not None:
        await caller.press(move.keys)
    elif move.happens != "silence":
        raise ValueError(f"cannot be done on a telephone: {move}")


@asynccontextmanager
async def stage(root: Path) -> AsyncIterator[Stage]:
    """The sample town's switchboard, in this process for the sake of its clock."""
    settings = settings_in(root, ROOT / "knowledge")
    async with (
        people(settings) as manner,
        lines(settings, Manner(*manner)) as (_, phones),
        app.speaking(settings) as speech,
        app.parts(settings, exchange.learn(settings), speech) as parts,
    ):
        stage = Stage(parts, phones, manner[0])
        secrets = load_or_create(settings.paths.var)
        async with application(ari_address(settings, secrets), stage.handle):
            yield stage


@pytest.fixture(scope="module")
async def conversations(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    """All of them under way; each test waits for its own."""
    async with stage(tmp_path_factory.mktemp("stage")) as played:
        tasks = {
            name: asyncio.create_task(played.play(script, script.number or f"06990000{n:02}"))
            for n, (name, script) in enumerate(PLAYED.items())
        }
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("name", PLAYED)
async def test_conversation_by_phone(
    name: str, conversations: dict[str, asyncio.Task[None]]
) -> None:
    await conversations[name]


def test_a_dozen_is_played() -> None:
    assert len(PLAYED) >= 12
