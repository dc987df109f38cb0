"""The spoken messages of a database and of a folder: a row before any sound, then the file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.audio.form import duration_ms
from ivr.audio.pcm import read_wav
from ivr.callbacks.schedule import Callbacks, Wish
from ivr.calllog.database import Database
from ivr.calllog.tables import OPEN_STATES, Call, Callback, Message
from ivr.errors import AudioFormatError, MessageError
from ivr.messages import files
from ivr.messages.ear import LOUD_MS, loud_ms
from ivr.messages.kept import REASON
from ivr.settings import Messages

log = logging.getLogger(__name__)

LONGEST_QUOTE = 200
"""Characters of a message that stand in its callback's reason."""


@dataclass(frozen=True)
class Begun:
    """What is known of a message before a word is said."""

    call_id: str
    department: str
    reason: str
    """What the call was about until then."""
    number: str
    """To call back, E.164; empty when that cannot be."""


@dataclass(frozen=True)
class Untranscribed:
    """A message whose words are not known yet."""

    id: int
    path: Path
    language: str
    """ISO 639-1, of the call."""


class MessageBox:
    """Takes and keeps messages. Methods raise CallLogError or MessageError when that fails."""

    def __init__(
        self,
        database: Database,
        callbacks: Callbacks,
        folder: Path,
        settings: Messages,
        now: Callable[[], datetime],
    ) -> None:
        """folder: where the files are; made when the first message is recorded."""
        self.settings = settings
        self._database = database
        self._callbacks = callbacks
        self._folder = folder
        self._now = now
        self.news = asyncio.Event()
        """Set when there may be something to transcribe."""
        self.news.set()

    async def begin(self, begun: Begun) -> tuple[int, files.Recording]:
        """A message is about to be recorded: its row, and its file to write into."""

        def work(session: Session) -> Message:
            message = Message(
                call_id=begun.call_id,
                department=begun.department,
                number=begun.number,
                file="",
                state="recording",
                seconds=0.0,
                recorded_at=self._now(),
            )
            session.add(message)
            session.flush()
            message.file = f"{message.recorded_at:%Y-%m-%d}-{message.id}.wav"
            return message

        message = await self._database.run(work)
        try:
            file = await asyncio.to_thread(files.Recording, self._folder, message.file)
        except MessageError:
            await self._database.run(lambda session: session.delete(message))
            raise
        return message.id, file

    async def keep(self, message_id: int, begun: Begun, seconds: float) -> str | None:
        """People will find the message; the reference of the callback that goes with it, if any.

        Its file is whole and of that length.
        """
        reference = None
        if begun.number:
            topic = f"{REASON} - {begun.reason}" if begun.reason else REASON
            wish = Wish(begun.number, begun.department, topic, "", begun.call_id, self._now())
            reference, _ = await self._callbacks.take(wish)

        def work(session: Session) -> None:
            message = session.get_one(Message, message_id)
            message.state, message.seconds = "kept", seconds
            callback = _open_callback(session, begun, reference)
            if callback is not None:
                message.callback_id, callback.origin = callback.id, "message"

        await self._database.run(work)
        self.news.set()
        return reference

    async def drop(self, message_id: int) -> None:
        """Delete a message: its row, so that it is never kept after all, then its file."""

        def work(session: Session) -> str:
            message = session.get_one(Message, message_id)
            session.delete(message)
            return message.file

        name = await self._database.run(work)
        await asyncio.to_thread(files.remove, self._folder, name)

    async def path(self, message_id: int) -> Path | None:
        """Where the sound of a message is; None when it was deleted or is being recorded."""

        def work(session: Session) -> str:
            message = session.get(Message, message_id)
            done = message is not None and message.state != "recording"
            return message.file if message is not None and done else ""

        name = await self._database.run(work)
        return self._folder / name if name else None

    # --- after a kill, and afterwards ----------------------------------------------------------

    async def recover(self) -> int:
        """Keep what calls that were killed had recorded; returns how many. At start only."""
        query = select(Message).where(Message.state == "recording")
        waiting = await self._database.run(lambda session: list(session.scalars(query)))
        kept = 0
        for message in waiting:
            try:
                seconds = await asyncio.to_thread(_mended, self._folder, message.file)
            except (MessageError, AudioFormatError) as error:
                log.error("message of call %s: %s", message.call_id, error)
                continue
            if not seconds:
                await self.drop(message.id)
                continue
            begun = Begun(message.call_id, message.department, "", message.number)
            await self.keep(message.id, begun, seconds)
            kept += 1
        return kept

    async def untranscribed(self) -> list[Untranscribed]:
        """The messages whose words are not known yet, oldest first."""

        def work(session: Session) -> list[Untranscribed]:
            rows = session.execute(
                select(Message.id, Message.file, Call.language)
                .join(Call, Call.id == Message.call_id, isouter=True)
                .where(Message.state == "kept")
                .order_by(Message.id)
            )
            return [
                Untranscribed(row.id, self._folder / row.file, row.language or "fr") for row in rows
            ]

        return await self._database.run(work)

    async def transcribed(self, message_id: int, text: str) -> None:
        """What is said in a message; its callback, if still open, tells it, too."""

        def work(session: Session) -> None:
            message = session.get(Message, message_id)
            if message is None:
                return
            message.state = "transcribed"
            if not message.file:  # deleted meanwhile, and so its words
                return
            message.transcript = text
            callback = session.get(Callback, message.callback_id) if message.callback_id else None
            if text and callback is not None and callback.state in OPEN_STATES:
                callback.reason = f"{REASON} : « {_short(text)} »"

        await self._database.run(work)


def _mended(folder: Path, name: str) -> float:
    """Seconds of what a killed recording left; 0.0 when nothing was said in it."""
    path = files.mend(folder, name)
    if path is None:
        return 0.0
    pcm = read_wav(path)
    return duration_ms(pcm) / 1000 if loud_ms(pcm) >= LOUD_MS else 0.0


def _open_callback(session: Session, begun: Begun, reference: str | None) -> Callback | None:
    if reference is None:
        return None
    return session.scalar(
        select(Callback).where(
            Callback.reference == reference,
            Callback.number == begun.number,
            Callback.state.in_(OPEN_STATES),
        )
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1].rstrip() + "…"
