"""Sound over the media websocket: order, flow, marks, barge-in, and an Asterisk that errs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ivr.asterisk import media as media_module
from ivr.asterisk.ari import Ari
from ivr.asterisk.media import Lost, Media, Pacing, open_media
from ivr.audio.form import FRAME_BYTES, silence
from ivr.errors import AsteriskError
from ivr.events import Frame, Interrupted, Played
from tests.fake_ari import APP, FakeMedia, fake_ari

GENEROUS = Pacing(lead_ms=19_000, chunk_ms=100)


class Line:
    """One open media socket: our end, Asterisk's end, and what has come."""

    ours: Media
    theirs: FakeMedia

    def __init__(self) -> None:
        self.came: list[Frame | Played | Lost] = []
        self._news = asyncio.Event()

    @property
    def played(self) -> list[str]:
        return [event.mark for event in self.came if isinstance(event, Played)]

    def deliver(self, event: Frame | Played | Lost) -> None:
        self.came.append(event)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what has come satisfies a condition."""
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def until_queued(self, frames: int) -> None:
        await self.theirs.until(lambda theirs: theirs.frames == frames)


@asynccontextmanager
async def line(pacing: Pacing | None = None) -> AsyncIterator[Line]:
    call = Line()
    async with (
        fake_ari() as fake,
        Ari(fake.address, APP) as ari,
        open_media(ari, "m1", call.deliver, pacing or Pacing()) as call.ours,
    ):
        call.theirs = await fake.next_media()
        yield call


def clip(frames: int, first: int = 0) -> bytes:
    """Frames that can be told apart."""
    return b"".join(
        n.to_bytes(2, "little") * (FRAME_BYTES // 2) for n in range(first, first + frames)
    )


# --- speaking ----------------------------------------------------------------------------------


async def test_clips_are_heard_in_order_and_marked_at_their_end() -> None:
    async with line() as call:
        call.ours.play(clip(7), "a")
        call.ours.play(clip(3, first=7), "b")
        await call.until_queued(10)
        await call.theirs.tick(8)
        await call.until(lambda: call.played == ["a"])
        await call.theirs.tick(3)
        await call.until(lambda: call.played == ["a", "b"])
        assert b"".join(call.theirs.played) == clip(10)


async def test_the_last_frame_is_filled_up_and_an_empty_clip_is_marked() -> None:
    async with line() as call:
        call.ours.play(b"\x01\x00" * 10, "short")
        call.ours.play(b"", "empty")
        await call.until_queued(1)
        await call.theirs.until(lambda theirs: len(theirs.commands) == 2)
        await call.theirs.tick(2)
        await call.until(lambda: call.played == ["short", "empty"])
        assert call.theirs.played == [(b"\x01\x00" * 10).ljust(FRAME_BYTES, b"\x00")]
        with pytest.raises(ValueError, match="whole samples"):
            call.ours.play(b"\x01", "odd")


async def test_no_more_is_sent_ahead_than_wanted() -> None:
    async with line(Pacing(lead_ms=400, chunk_ms=100)) as call:
        call.ours.play(silence(60_000), "minute")
        await call.until_queued(20)
        await call.theirs.tick(6)  # a chunk and its mark
        await call.until_queued(19)
        assert call.theirs.most == 20


async def test_a_minute_of_speech_never_overflows_the_queue() -> None:
    async with line(GENEROUS) as call:
        call.ours.play(clip(3000), "minute")
        await call.theirs.until(lambda theirs: theirs.full)
        while len(call.theirs.played) < 3000:
            await call.theirs.tick(100)
            await asyncio.sleep(0)
        await call.theirs.tick()
        await call.until(lambda: call.played == ["minute"])
        assert call.theirs.lost_frames == 0
        assert call.theirs.most <= 1000
        assert b"".join(call.theirs.played) == clip(3000)


async def test_messages_and_commands_stay_within_asterisks_limits() -> None:
    async with line(Pacing(lead_ms=2000, chunk_ms=2000)) as call:
        call.ours.play(silence(2000), "x" * 500)
        await call.until_queued(100)
        await call.ours.flush()
        assert call.theirs.largest <= 65_500
        assert max(len(command.encode()) for command in call.theirs.commands) <= 128


@pytest.mark.parametrize("pacing", [(400, 30), (100, 200), (19_020, 100), (400, 0), (0, 0)])
def test_impossible_pacing_is_refused(pacing: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="impossible pacing"):
        Pacing(*pacing)


# --- barge-in ----------------------------------------------------------------------------------


async def test_a_flush_tells_what_was_heard() -> None:
    async with line() as call:
        call.ours.play(clip(5), "a")
        call.ours.play(clip(50), "b")
        await call.until_queued(20)
        await call.theirs.tick(12)
        assert await call.ours.flush() == Interrupted("b", 7 * 20)
        assert call.played == ["a"]
        assert call.theirs.frames == 0
        assert await call.ours.flush() is None


async def test_a_clip_heard_to_its_end_is_reported_by_the_flush() -> None:
    async with line() as call:
        call.ours.play(clip(5), "a")
        await call.until_queued(5)
        await call.theirs.until(lambda theirs: len(theirs.commands) == 1)
        for _ in range(5):  # all played, but its mark not yet reported
            call.theirs.queue.popleft()
        assert await call.ours.flush() is None
        assert call.played == ["a"]


async def test_a_flush_before_anything_was_sent() -> None:
    async with line() as call:
        call.ours.play(clip(5), "a")
        assert await call.ours.flush() == Interrupted("a", 0)
        call.ours.play(clip(2), "b")
        await call.until_queued(2)
        await call.theirs.tick(3)
        await call.until(lambda: call.played == ["b"])
        assert call.theirs.played == [clip(1), clip(1, first=1)]


async def test_stale_marks_are_not_taken_for_new_ones() -> None:
    async with line() as call:
        call.ours.play(clip(10), "old")
        await call.until_queued(10)
        stale = [item for item in call.theirs.queue if isinstance(item, str)]
        await call.ours.flush()
        call.ours.play(clip(10), "new")
        await call.until_queued(10)
        for mark in [*stale, "", "another", "999.1"]:
            await call.theirs.say(event="MEDIA_MARK_PROCESSED", correlation_id=mark)
        await call.theirs.say(event="STATUS", queue_length=3)  # nobody has asked
        await call.theirs.tick(11)
        await call.until(lambda: call.played != [])
        assert call.played == ["new"]


async def test_speech_after_a_flush_waits_for_the_queue_to_have_room() -> None:
    async with line(GENEROUS) as call:
        call.ours.play(clip(1200), "long")
        await call.theirs.until(lambda theirs: theirs.full)
        await call.ours.flush()
        sent = len(call.theirs.commands)
        call.ours.play(clip(5), "next")
        await call.theirs.tick()  # Asterisk reports XON when it next looks at its queue
        await call.until_queued(5)
        await call.theirs.tick(6)
        await call.until(lambda: call.played == ["next"])
        assert len(call.theirs.commands) == sent + 1
        assert call.theirs.lost_frames == 0


async def test_an_asterisk_that_does_not_say_what_was_heard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(media_module, "STATUS_TIMEOUT", 0.01)
    async with line() as call:
        call.theirs.answers_status = False
        call.ours.play(clip(30), "a")
        await call.until_queued(20)
        await call.theirs.tick(6)
        await call.until_queued(19)  # so its first mark has come back
        assert await call.ours.flush() == Interrupted("a", 100)  # what the marks told
    assert any("did not tell how much" in record.message for record in caplog.records)


# --- listening ---------------------------------------------------------------------------------


async def test_what_comes_is_cut_into_frames() -> None:
    async with line() as call:
        sound = clip(12)
        for start, end in ((0, 320), (320, 640), (640, 2560), (2560, 2561), (2561, 12 * 640)):
            await call.theirs.socket.send_bytes(sound[start:end])
        await call.until(lambda: len(call.came) >= 12)
        assert call.came[:12] == [Frame(clip(1, n)) for n in range(12)]


async def test_silence_is_supplied_while_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_module, "PATIENCE", 0.01)
    async with line() as call:
        await call.until(lambda: len(call.came) >= 3)
        assert set(call.came) == {Frame(bytes(FRAME_BYTES))}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        "MEDIA_START",
        '{"event": 5}',
        '{"command": "x"}',
        '{"event": "STATUS", "queue_length": -1}',
        '{"event": "STATUS", "queue_length": "many"}',
        '{"event": "MEDIA_MARK_PROCESSED"}',
        '{"event": "MEDIA_START", "optimal_frame_size": 160}',
        '{"event": "ERROR", "error_text": "Command too long"}',
        '{"event": "SOMETHING_NEW", "queue_length": 3}',
        "[" * 60_000,
    ],
)
async def test_messages_that_make_no_sense_are_survived(text: str) -> None:
    async with line() as call:
        await call.theirs.socket.send_str(text)
        await call.theirs.socket.send_str(text)
        call.ours.play(clip(1), "a")
        await call.until_queued(1)
        await call.theirs.tick(2)
        await call.until(lambda: call.played == ["a"])


async def test_keys_on_the_media_socket_are_not_reported_for_ari_reports_them_too() -> None:
    async with line() as call:
        await call.theirs.say(event="DTMF_END", digit="5")
        await call.theirs.socket.send_bytes(clip(1))
        await call.until(lambda: bool(call.came))
        assert call.came == [Frame(clip(1))]


async def test_sound_that_is_lost() -> None:
    async with line() as call:
        call.ours.play(clip(3), "a")
        await call.until_queued(3)
        await call.theirs.socket.close()
        await call.until(lambda: call.came[-1:] == [Lost()])
        with pytest.raises(AsteriskError, match="sound of the call was lost"):
            await call.ours.flush()


async def test_a_format_that_is_not_ours_is_refused() -> None:
    async with fake_ari() as fake, Ari(fake.address, APP) as ari:
        fake.frame_size = 160
        with pytest.raises(AsteriskError, match="wants frames of 160 bytes"):
            async with open_media(ari, "m1", print, Pacing()):
                raise AssertionError("it was taken")


async def test_no_such_media_socket() -> None:
    async with fake_ari() as fake, Ari(fake.address, APP) as ari:
        fake.answers["GET /media/m1"] = (404, "")
        with pytest.raises(AsteriskError, match="could not be connected"):
            async with open_media(ari, "m1", print, Pacing()):
                raise AssertionError("it was taken")
