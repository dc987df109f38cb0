"""Whisper on CTranslate2: recognises whole utterances, where there is no French Vosk model."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
import soxr  # type: ignore[import-untyped]
from faster_whisper import WhisperModel  # type: ignore[import-untyped]
from faster_whisper.tokenizer import Tokenizer  # type: ignore[import-untyped]

from ivr.audio.form import SAMPLE_RATE, duration_ms
from ivr.audio.pcm import Samples, dbfs, to_samples
from ivr.errors import ModelError, Saturated
from ivr.speech.pool import Pool
from ivr.speech.recogniser import Hint, Transcript

TAIL_S = 2.0
"""Silence put after the utterance, in seconds. With less, the decoder does not see that it is over
and repeats it; 30 s, as Whisper was trained, take ten times as long to encode."""
LONGEST_S = 30.0
"""Whisper's window, in seconds; what is beyond is not heard."""
BEAM = 5
"""Hypotheses followed at once, and told. With 5 instead of 3, 712 requests by five synthetic voices
over a noisy line are right first 86.5 instead of 84.8 %, and take about 10 % longer to hear."""
SLOWER = 1.1
"""Times as long as it was said. On 712 requests by five synthetic voices over a noisy line, with
all hypotheses of both hearings against the first alone: right first 86.5 instead of 81.0 %, among
two 93.4 instead of 89.3 %, answered rightly 97.8 instead of 97.4 %."""
TOKENS_PER_S = 12
"""No one speaks faster; more tokens than this are an invention."""
SHORTEST_MS, FAINTEST_DBFS = 100, -65.0
"""What is shorter or fainter is not worth asking."""

_PROMPTS = {
    ("fr", "request"): (
        "Bonjour, mairie, je vous écoute. Horaires, carte d'identité, passeport, encombrants, "
        "déchèterie, cantine, crèche, acte de naissance, PACS, décès, salle des fêtes, urbanisme, "
        "un conseiller."
    ),
    ("fr", "yes-no"): (
        "Oui, c'est ça. Non, pas du tout. Tout à fait. Volontiers. Pardon ? Un conseiller. "
        "Rappelez-moi. C'est urgent."
    ),
    ("fr", "choice"): (
        "La première. La deuxième. Le premier. Le deuxième. Ni l'un ni l'autre. Pardon ? "
        "Un conseiller. J'attends. Rappelez-moi."
    ),
    ("fr", "digits"): "Quel est votre numéro ? 06 12 34 56 78.",
    ("fr", "rating"): (
        "Cinq. Quatre. Trois. Deux. Un. Cinq. Cinq sur cinq. Je mets cinq. Pardon ? Au revoir."
    ),
    ("en", "request"): "Good morning, town hall. Opening hours, identity card, passport, waste.",
    ("en", "yes-no"): "Is that right? Yes. No.",
}
"""What may have been said just before, which makes its words likelier. Words wrong on the same
requests: 21 → 17 %. A prompt of a mere "c'est bien ça ? oui, ou non ?" is what Whisper then gives
for anything short: of 215 answers that are no yes ("au revoir", "pardon ?", "un conseiller"), 48
were taken for one, and 9 with what callers say then. A goodbye is not among it, nor at a choice: a
yes whose beginning was lost was heard as one, and hung up.
docs/matching.md has the other kinds."""

_INVENTED = re.compile(
    r"sous.?titr|amara\.org|radio.canada|st'?\s*501|merci d'avoir regard|abonnez.vous|"
    r"à la prochaine vid|thanks for watching|subtitles by|please subscribe|^\W*$|^\W*musique\W*$",
    re.IGNORECASE,
)
"""What Whisper was trained on and gives for noise: the credits of films."""


class WhisperRecogniser:
    """Whisper with 8 bit weights, French and English; base takes 290 MB."""

    streams = False

    def __init__(self, folder: Path, *, workers: int, max_waiting: int) -> None:
        """workers: utterances transcribed at once, 0 for one per core; each uses one thread.

        Raises ModelError when the files in ``folder`` cannot be loaded.
        """
        self._pool = Pool(workers, max_waiting, "whisper")
        try:
            self._model = WhisperModel(
                str(folder),
                device="cpu",
                compute_type="int8",
                cpu_threads=max(1, (os.cpu_count() or 1) // self._pool.threads),
                num_workers=self._pool.threads,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelError(f"speech model in {folder} cannot be loaded: {error}") from error
        self.name = f"whisper {folder.name.removeprefix('whisper-')} int8"

    def session(self, hint: Hint | None = None) -> WhisperSession:
        return WhisperSession(self, hint or Hint())

    async def close(self) -> None:
        await self._pool.close()

    async def transcribe(self, pcm: bytes, hint: Hint) -> Transcript:
        """One whole utterance. Raises Saturated or EngineError."""
        asked = monotonic()
        text, confidence = "", 0.0
        others: list[Guess] = []
        if duration_ms(pcm) >= SHORTEST_MS and dbfs(pcm) > FAINTEST_DBFS:
            samples = to_samples(pcm)
            guesses, again = await asyncio.gather(
                self._pool.run(lambda: self._guesses(samples, hint)),
                self._heard_slowly(samples, hint),
            )
            if believable(guesses[0]):
                text, confidence = without_echo(guesses[0].text), guesses[0].probability
            if text and hint.expecting == "request":
                others = [*guesses[1:], *again]
        took_ms = round((monotonic() - asked) * 1000)
        believed = tuple(without_echo(one.text) for one in others if believable(one))
        return Transcript(text, confidence, duration_ms(pcm), took_ms, believed)

    async def _heard_slowly(self, samples: Samples, hint: Hint) -> list[Guess]:
        """A request spoken more slowly: other words are misheard. Beside the first hearing, where
        a thread has nothing else to do."""
        if hint.expecting != "request" or not self._pool.idle:
            return []
        slow = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE * SLOWER)
        try:
            return await self._pool.run(lambda: self._guesses(slow, hint))
        except Saturated:
            return []

    def _guesses(self, samples: Samples, hint: Hint) -> list[Guess]:
        """All hypotheses that were followed to their end, the likeliest first."""
        model = self._model
        tokens = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=hint.language)
        prompt = [*tokens.sot_sequence, tokens.no_timestamps]
        if before := _PROMPTS.get((hint.language, hint.expecting)):
            prompt = [tokens.sot_prev, *tokens.encode(" " + before), *prompt]
        seconds = samples.size / SAMPLE_RATE
        padded = np.pad(samples, (0, int(TAIL_S * SAMPLE_RATE)))[: int(LONGEST_S * SAMPLE_RATE)]
        mel = np.ascontiguousarray(model.feature_extractor(padded, padding=0), dtype=np.float32)
        (result,) = model.model.generate(
            model.model.encode(ctranslate2.StorageView.from_array(mel[np.newaxis])),
            [prompt],
            beam_size=BEAM,
            num_hypotheses=BEAM,
            max_length=len(prompt) + 8 + int(seconds * TOKENS_PER_S),
            return_scores=True,
            return_no_speech_prob=True,
        )
        texts = (
            tokens.decode([one for one in ids if one < tokens.eot]).strip()
            for ids in result.sequences_ids
        )
        return [
            Guess(text, math.exp(score), result.no_speech_prob)
            for text, score in zip(texts, result.scores, strict=True)
        ]


@dataclass(frozen=True)
class Guess:
    """What Whisper makes of a sound."""

    text: str
    probability: float
    """Of a token, on the geometric average; 0.0 to 1.0."""
    no_speech: float
    """Probability that there is no speech; 0.0 to 1.0."""


def believable(guess: Guess) -> bool:
    """Whether it was said, rather than invented for a noise.

    Measured after `_PROMPTS`: coughs, hums, hiss and silence give no_speech 0.3 to 1.0 with a
    probability under 0.5; speech over a noisy line stays under 0.3, or is more probable.
    """
    if _INVENTED.search(guess.text):
        return False
    if guess.no_speech > 0.4:
        return guess.probability > 0.6
    if guess.no_speech > 0.25:
        return guess.probability > 0.4
    return guess.probability > 0.1


def without_echo(text: str) -> str:
    """A text that says the same over and over, said once ("Oui merci. Oui merci. Oui").

    Whisper does that with short sounds; a caller who does it means no more by it.
    """
    words = [re.sub(r"\W", "", word).lower() for word in text.split()]
    for period in range(1, len(words)):
        if _repeats(words, period):
            return " ".join(text.split()[:period])
    return text


def _repeats(words: Sequence[str], period: int) -> bool:
    again = len(words) - period
    if again < min(3, period):
        return False
    # The last word may be cut.
    return words[-1 - period].startswith(words[-1]) and all(
        words[n] == words[n - period] for n in range(period, len(words) - 1)
    )


class WhisperSession:
    """One utterance: it is collected, and transcribed as a whole."""

    partial = ""

    def __init__(self, engine: WhisperRecogniser, hint: Hint) -> None:
        self._engine = engine
        self._hint = hint
        self._pcm = bytearray()

    async def feed(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def transcript(self) -> Transcript:
        return await self._engine.transcribe(bytes(self._pcm), self._hint)

    async def close(self) -> None:
        self._pcm.clear()
