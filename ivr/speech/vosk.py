"""Vosk: recognises while the caller speaks. The default where there is a French model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import vosk  # type: ignore[import-untyped]

from ivr.audio.form import SAMPLE_RATE, duration_ms
from ivr.errors import ModelError, Saturated
from ivr.speech.pool import Pool
from ivr.speech.recogniser import Hint, Transcript

CHUNK_MS = 200
"""Sound given to the engine at a time, in ms; handing over less costs more than it gains."""
BEHIND_MS = 3_000
"""Sound that may wait for a thread, in ms; an engine further behind cannot keep up."""
UNKNOWN = "[unk]"
"""Vosk's word for what is not in its vocabulary or grammar."""


class VoskRecogniser:
    """One model shared by all calls, and a recogniser for each utterance."""

    streams = True

    def __init__(self, folder: Path, *, workers: int, max_waiting: int) -> None:
        """workers: threads, 0 for one per core. Raises ModelError when it cannot be loaded."""
        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(str(folder))
        except Exception as error:  # vosk raises no class of its own
            raise ModelError(f"speech model in {folder} is no Vosk model, or damaged") from error
        self._pool = Pool(workers, max_waiting, "vosk")
        # A model whose graph was compiled whole cannot take a grammar.
        self._grammars = all((folder / "graph" / name).exists() for name in ("HCLr.fst", "Gr.fst"))
        self.name = f"vosk {folder.name.removeprefix('vosk-').removeprefix('model-')}"

    def session(self, hint: Hint | None = None) -> VoskSession:
        grammar = self._grammar(hint.phrases) if hint and self._grammars else ()
        return VoskSession(self._model, self._pool, grammar)

    async def close(self) -> None:
        await self._pool.close()

    def _grammar(self, phrases: Sequence[str]) -> Sequence[str]:
        """The phrases that the model can hear, and what stands for all others."""
        known = [phrase for phrase in phrases if all(map(self._knows, phrase.split()))]
        return [*known, UNKNOWN] if known and self._knows(UNKNOWN) else known

    def _knows(self, word: str) -> bool:
        return bool(self._model.vosk_model_find_word(word) >= 0)


class _Word(NamedTuple):
    text: str
    confidence: float


class VoskSession:
    """One utterance. Its grammar stands from its beginning: to change it later would abort."""

    def __init__(self, model: vosk.Model, pool: Pool, grammar: Sequence[str]) -> None:
        self._model = model
        self._pool = pool
        self._grammar = grammar
        self._engine: vosk.KaldiRecognizer | None = None
        # A recogniser used by two threads at once crashes; a dropped one may still be in use.
        self._one_at_a_time = threading.Lock()
        self._waiting = bytearray()
        self._heard_ms = 0
        self._words: list[_Word] = []
        self._partial = ""

    @property
    def partial(self) -> str:
        return " ".join([*(word.text for word in self._words), self._partial]).strip()

    async def feed(self, pcm: bytes) -> None:
        self._waiting += pcm
        if duration_ms(bytes(self._waiting)) < CHUNK_MS:
            return
        try:
            await self._hand_over(self._accept)
        except Saturated:
            if duration_ms(bytes(self._waiting)) > BEHIND_MS:
                raise

    async def transcript(self) -> Transcript:
        asked = monotonic()
        await self._hand_over(self._finish)
        words = [word for word in self._words if word.text != UNKNOWN]
        confidence = sum(word.confidence for word in words) / max(1, len(words))
        return Transcript(
            text=" ".join(word.text for word in words),
            confidence=min(1.0, confidence),
            audio_ms=self._heard_ms,
            took_ms=round((monotonic() - asked) * 1000),
        )

    async def close(self) -> None:
        self._waiting.clear()
        self._engine = None

    async def _hand_over(self, work: Callable[[bytes], None]) -> None:
        pcm = bytes(self._waiting)
        await self._pool.run(partial(work, pcm))
        self._heard_ms += duration_ms(pcm)
        del self._waiting[: len(pcm)]

    # --- in a thread of the pool -----------------------------------------------------------------

    def _accept(self, pcm: bytes) -> None:
        with self._one_at_a_time:
            engine = self._ready()
            if engine.AcceptWaveform(pcm):
                self._note(engine.Result())
            self._partial = json.loads(engine.PartialResult())["partial"]

    def _finish(self, pcm: bytes) -> None:
        with self._one_at_a_time:
            engine = self._ready()
            if pcm and engine.AcceptWaveform(pcm):
                self._note(engine.Result())
            self._note(engine.FinalResult())
            self._partial = ""

    def _ready(self) -> vosk.KaldiRecognizer:
        if self._engine is None:
            grammar = [json.dumps(self._grammar, ensure_ascii=False)] if self._grammar else []
            self._engine = vosk.KaldiRecognizer(self._model, float(SAMPLE_RATE), *grammar)
            self._engine.SetWords(True)
        return self._engine

    def _note(self, result: str) -> None:
        for word in json.loads(result).get("result", ()):
            self._words.append(_Word(word["word"], word["conf"]))
