"""A callback being taken by telephone when the application is killed: promised is written down."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ivr.call import Mind, Parts, handle
from ivr.callbacks.jobs import RqJobs
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallEnd, CallLog, TurnRecord
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.state import State
from ivr.dialogue.talk import Talk
from ivr.events import KeyPressed
from ivr.knowledge.load import load
from ivr.settings import Hearing
from ivr.speech.listener import Listener
from ivr.testcaller.network import private_settings
from tests.test_call import Line, Voice, nothing_said
from tests.test_listener import Engine

STEPS = {
    "0": "want-callback",
    "01": "number-ok",
    "012": "number",
    "0120612345678": "number-read-back",
    "01206123456781": "name",
    "01206123456781#": "when",
    "01206123456781##": "more",  # "je vous rappelle dès que possible, votre référence est…"
}
"""What callers have pressed, the town hall being closed, and what the machine then waits for."""
MIDNIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)


class Onlooker:
    """Tells on standard output what each call has come to."""

    def began(self, started: object, order: object) -> None:
        """Nothing yet."""

    def turned(self, call_id: str, turn: TurnRecord, state: State) -> None:
        print(call_id, state.phase, flush=True)

    def ended(self, call_id: str, end: CallEnd) -> None:
        print(call_id, end.outcome, flush=True)


async def half_way(var: Path) -> None:
    """The application, with a caller at each step, and without Redis."""
    settings = private_settings(var)
    knowledge = load(Path(__file__).parents[1] / "knowledge")
    database = Database(settings.database_url)
    parts = Parts(
        mind=Mind(Dialogue(Talk(knowledge)), nothing_said),
        speech=Voice(),
        listener=partial(Listener, Engine(), Hearing()),
        calllog=CallLog(database),
        callbacks=Callbacks(database, RqJobs(settings)),
        now=lambda: MIDNIGHT,
        longest_s=600,
    )
    parts.observer = Onlooker()
    await asyncio.gather(*(handle(_line(keys), parts) for keys in STEPS))


def _line(keys: str) -> Line:
    line = Line(f"1.{len(keys)}")
    for key in keys:
        line.events.put_nowait(KeyPressed(key))
    return line


async def test_the_application_is_killed_at_each_step_of_taking_a_callback(tmp_path: Path) -> None:
    code = f"import asyncio, pathlib; from tests.{Path(__file__).stem} import half_way; "
    code += f"asyncio.run(half_way(pathlib.Path({str(tmp_path)!r})))"
    application = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    assert application.stdout
    reached: dict[str, str] = {}
    wanted = {f"1.{len(keys)}": phase for keys, phase in STEPS.items()}
    try:
        async with asyncio.timeout(60):
            while reached != wanted:
                line = (await application.stdout.readline()).decode()
                assert line, "the application has ended by itself"
                call_id, phase = line.split()
                reached[call_id] = phase
    finally:
        application.kill()
        await application.wait()
    database = Database(private_settings(tmp_path).database_url)
    (callback,) = await Callbacks(database).open()
    assert (callback.number, callback.call_id, callback.state) == (
        "+33612345678", "1.16", "pending",
    )  # fmt: skip
    calllog = CallLog(database)
    assert await calllog.close_interrupted() == len(STEPS)
    await database.close()
