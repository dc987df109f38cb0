"""Spoken messages: on a line that a test holds, with a real database and real files."""

from __future__ import annotations

import asyncio
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from ivr.audio.form import FRAME_BYTES, duration_ms, silence
from ivr.audio.pcm import read_wav
from ivr.call import Mind, Parts, handle
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Base, Call, Callback, Message, Turn
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.talk import Talk
from ivr.errors import CallerGone, EngineError
from ivr.events import (
    CallerId,
    CallStarted,
    Frame,
    Interrupted,
    KeyPressed,
    LegEvent,
    Played,
    QueueRequest,
)
from ivr.knowledge.base import Knowledge
from ivr.messages import transcriber
from ivr.messages.box import MessageBox
from ivr.messages.ear import NOTHING_SAID_MS, TAIL_MS, Ear
from ivr.messages.taker import beep
from ivr.settings import Hearing, Messages
from ivr.speech.listener import Listener
from ivr.speech.recogniser import Transcript
from tests.exchange import pitch, tone
from tests.retention_rows import all_of, names_in
from tests.test_call import Voice, nothing_said
from tests.test_listener import Engine

NIGHT = datetime(2026, 3, 2, 23, 0, tzinfo=UTC)
NUMBER = "+33612345678"
QUIET = silence(20)
LEAD_MS = 200
"""Of silence before a caller speaks; some of it passes before the recording begins."""


@dataclass
class Line:
    """A caller at night, on a line that plays at once; what is played is told as it happens."""

    number: str | None = "0612345678"
    events: asyncio.Queue[LegEvent | Exception] = field(default_factory=asyncio.Queue)
    played: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    hung_up: bool = False

    @property
    def started(self) -> CallStarted:
        return CallStarted("1.1", CallerId(self.number), "0232001000", NIGHT)

    async def receive(self) -> LegEvent:
        event = await self.events.get()
        await asyncio.sleep(0)  # a line brings one thing after the other
        if isinstance(event, Exception):
            raise event
        return event

    async def play(self, pcm: bytes, mark: str) -> None:
        self.played.put_nowait(pcm)
        self.events.put_nowait(Played(mark))

    async def flush(self) -> Interrupted | None:
        return None

    async def send_to_queue(self, request: QueueRequest) -> None:
        raise AssertionError("nobody is there at night")

    async def hang_up(self) -> None:
        self.hung_up = True

    def press(self, keys: str) -> None:
        for key in keys:
            self.events.put_nowait(KeyPressed(key))

    def send(self, pcm: bytes) -> None:
        """Speak, after a moment."""
        pcm = silence(LEAD_MS) + pcm
        for at in range(0, len(pcm), FRAME_BYTES):
            self.events.put_nowait(Frame(pcm[at : at + FRAME_BYTES]))

    async def until_beep(self) -> None:
        async with asyncio.timeout(5):
            while await self.played.get() != beep():
                continue

    async def until_played(self, ms: int) -> bytes:
        """A clip of about this length."""
        async with asyncio.timeout(5):
            while abs(duration_ms(pcm := await self.played.get()) - ms) > 200:
                continue
        return pcm


@pytest.fixture
def box(database: Database, tmp_path: Path) -> MessageBox:
    return MessageBox(
        database, Callbacks(database), tmp_path / "messages", Messages(), lambda: NIGHT
    )


@pytest.fixture
def parts(database: Database, box: MessageBox, town: Knowledge) -> Parts:
    """What the calls share; it is night."""
    return Parts(
        mind=Mind(Dialogue(Talk(town), messages=True), nothing_said),
        speech=Voice(),
        listener=partial(Listener, Engine(), Hearing()),
        calllog=CallLog(database),
        callbacks=Callbacks(database),
        messages=box,
        now=lambda: NIGHT,
        longest_s=600,
    )


@asynccontextmanager
async def calling(parts: Parts, line: Line | None = None) -> AsyncIterator[Line]:
    """A call that is answered, and whose caller is gone at the end of the block."""
    line = line or Line()
    call = asyncio.create_task(handle(line, parts))
    try:
        yield line
    finally:
        line.events.put_nowait(CallerGone("gone"))
        await call


def about(seconds: float, said_ms: int) -> bool:
    """Whether a recording is as long as what was said, with what preceded it."""
    return said_ms <= round(seconds * 1000) <= said_ms + LEAD_MS


async def only(database: Database, table: type[Base]) -> Base:
    (row,) = await all_of(database, table)
    return row


async def message_of(database: Database) -> Message:
    row = await only(database, Message)
    assert isinstance(row, Message)
    return row


async def test_a_message_is_recorded_heard_again_and_kept(
    parts: Parts, database: Database, tmp_path: Path
) -> None:
    async with calling(parts) as line:
        line.press("0")  # a person; nobody is there
        line.press("3")  # a message
        await line.until_beep()
        line.send(tone(3000))
        line.press("#")
        line.press("2")  # hear it
        assert round(pitch(await line.until_played(3000))) == 440
        line.press("1")  # send it
    message = await message_of(database)
    path = tmp_path / "messages" / message.file
    assert about(message.seconds, 3000)
    assert duration_ms(read_wav(path)) == round(message.seconds * 1000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (message.state, message.number) == ("kept", NUMBER)
    callback = await only(database, Callback)
    assert isinstance(callback, Callback)
    assert (callback.id, callback.origin) == (message.callback_id, "message")
    assert (callback.number, callback.department) == (NUMBER, "accueil")
    assert callback.reason.startswith("Message vocal")
    logged = await only(database, Call)
    assert isinstance(logged, Call)
    assert logged.outcome == "callback"


async def test_what_was_recorded_first_is_gone_when_it_is_recorded_again(
    parts: Parts, database: Database, tmp_path: Path
) -> None:
    async with calling(parts) as line:
        line.press("03")
        await line.until_beep()
        line.send(tone(2000))
        line.press("#3")
        await line.until_beep()
        line.send(tone(1000, hz=800))
        line.press("#1")
    (name,) = names_in(tmp_path / "messages")
    assert round(pitch(read_wav(tmp_path / "messages" / name))) == 800
    assert (await message_of(database)).file == name


async def test_a_message_that_the_caller_deletes_leaves_nothing(
    parts: Parts, database: Database, tmp_path: Path
) -> None:
    async with calling(parts) as line:
        line.press("03")
        await line.until_beep()
        line.send(tone(2000))
        line.press("#4")
    assert not await all_of(database, Message)
    assert not await all_of(database, Callback)
    assert not names_in(tmp_path / "messages")


@pytest.mark.parametrize("after", ["", "#"])
async def test_who_hangs_up_has_left_what_was_said(
    parts: Parts, database: Database, tmp_path: Path, after: str
) -> None:
    """In the midst of the message, or before saying what shall become of it."""
    async with calling(parts) as line:
        line.press("03")
        await line.until_beep()
        line.send(tone(2500))
        line.press(after)
    message = await message_of(database)
    assert message.state == "kept"
    assert about(message.seconds, 2500)
    assert about(duration_ms(read_wav(tmp_path / "messages" / message.file)) / 1000, 2500)
    assert await all_of(database, Callback)


async def test_who_hangs_up_without_a_word_has_left_nothing(
    parts: Parts, database: Database, tmp_path: Path
) -> None:
    async with calling(parts) as line:
        line.press("03")
        await line.until_beep()
        line.send(silence(3000))
    assert not await all_of(database, Message)
    assert not names_in(tmp_path / "messages")


async def test_a_withheld_number_cannot_be_called_back_and_the_message_is_kept(
    parts: Parts, database: Database
) -> None:
    async with calling(parts, Line(number=None)) as line:
        line.press("03")
        await line.until_beep()
        line.send(tone(2000))
        line.press("#1")
    message = await message_of(database)
    assert (message.state, message.callback_id, message.number) == ("kept", None, "")
    assert not await all_of(database, Callback)
    logged = await only(database, Call)
    assert isinstance(logged, Call)
    assert logged.outcome == "message"


async def test_a_folder_that_cannot_be_written_is_told_and_the_call_goes_on(
    parts: Parts, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "messages").write_text("in the way")
    async with calling(parts) as line:
        line.press("03")
        async with asyncio.timeout(5):
            while not [t for t in await turns(database) if t == "recording-failed"]:
                continue
        line.press("0")  # and a callback can still be had
    assert not await all_of(database, Message)


async def turns(database: Database) -> list[str]:
    return [turn.happened for turn in await all_of(database, Turn)]


async def test_the_announcement_is_heard_before_anything_is_recorded(
    parts: Parts, database: Database
) -> None:
    async with calling(parts) as line:
        line.press("033")  # impatient
        await line.until_beep()
        line.send(tone(2000))
        line.press("#1")
    assert about((await message_of(database)).seconds, 2000)


# --- when it is over ---------------------------------------------------------------------------


def test_a_message_ends_with_silence_which_is_left_out() -> None:
    ear = Ear(Messages(silence=4))
    speech = tone(20)
    assert not any(ear.hear(speech, 0.9) for _ in range(100))
    frames = next(n for n in range(1, 1000) if ear.hear(QUIET, 0.0))
    assert abs(frames * 20 - 4000) <= 20
    assert ear.said_something
    assert abs(ear.sound_bytes // 32 - (2000 + TAIL_MS)) <= 20


def test_a_pause_is_no_end() -> None:
    ear = Ear(Messages(silence=4))
    for _ in range(3):
        assert not any(ear.hear(tone(20), 0.9) for _ in range(100))
        assert not any(ear.hear(QUIET, 0.0) for _ in range(190))


def test_silence_alone_ends_and_is_nothing() -> None:
    ear = Ear(Messages())
    frames = next(n for n in range(1, 1000) if ear.hear(QUIET, 0.0))
    assert frames * 20 == NOTHING_SAID_MS
    assert not ear.said_something


def test_nobody_talks_for_ever() -> None:
    ear = Ear(Messages(longest=10))
    frames = next(n for n in range(1, 1000) if ear.hear(tone(20), 0.9))
    assert (frames * 20, ear.too_long) == (10_000, True)


# --- afterwards --------------------------------------------------------------------------------


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.test_messages import *

async def main(folder, moment):
    database = Database(f"sqlite:///{folder / 'calls.sqlite'}")
    box = MessageBox(
        database, Callbacks(database), folder / "messages", Messages(), lambda: NIGHT
    )
    started = Line().started
    await CallLog(database).open_call(started)
    from ivr.messages.box import Begun
    begun = Begun("1.1", "eau", "Une fuite", NUMBER)
    message, file = await box.begin(begun)
    if moment == "row":
        file.drop()
        os.kill(os.getpid(), signal.SIGKILL)
    file.write(tone(2000))
    if moment == "whole":
        file.finish(64000)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.parametrize(("moment", "kept"), [("row", 0), ("sound", 1), ("whole", 1)])
async def test_what_was_said_when_we_were_killed_is_kept_at_the_next_start(
    database: Database, box: MessageBox, tmp_path: Path, moment: str, kept: int
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    root = Path(__file__).parents[1]
    killed = await asyncio.to_thread(subprocess.run, command, check=False, cwd=root)
    assert killed.returncode == -signal.SIGKILL
    assert await box.recover() == kept
    assert len(await all_of(database, Message)) == kept
    assert len(await all_of(database, Callback)) == kept
    assert len(names_in(tmp_path / "messages")) == kept
    if kept:
        message = await message_of(database)
        assert (message.state, message.seconds) == ("kept", 2.0)
        assert duration_ms(read_wav(tmp_path / "messages" / message.file)) == 2000
        assert not message.file.endswith(".part")
    assert await box.recover() == 0


async def test_a_message_is_transcribed_for_its_callback(
    parts: Parts, database: Database, box: MessageBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with calling(parts) as line:
        line.press("03")
        await line.until_beep()
        line.send(tone(2000))
        line.press("#1")
    failures = 1
    slept = asyncio.Event()

    async def hear(*args: object) -> Transcript:
        nonlocal failures
        if failures:
            failures -= 1
            raise EngineError("busy")
        return Transcript("il y a une fuite", 0.9, 2000, 10)

    async def sleep(seconds: float) -> None:
        assert seconds == transcriber.AGAIN
        slept.set()

    monkeypatch.setattr(transcriber, "transcribe", hear)
    monkeypatch.setattr("ivr.messages.transcriber.sleep", sleep)
    task = asyncio.create_task(transcriber.transcribe_messages(box, Engine(), Hearing()))
    try:
        async with asyncio.timeout(5):
            while (await message_of(database)).state != "transcribed":
                continue
    finally:
        task.cancel()
    assert slept.is_set(), "what failed is tried again, later"
    assert (await message_of(database)).transcript == "il y a une fuite"
    callback = await only(database, Callback)
    assert isinstance(callback, Callback)
    assert callback.reason == "Message vocal : « il y a une fuite »"
