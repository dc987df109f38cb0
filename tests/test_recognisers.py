"""The recognisers for real: Whisper on French down a telephone line, Vosk on Korean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ivr.audio.endpointing import Rules, utterances
from ivr.audio.form import FRAME_BYTES, SAMPLE_RATE, duration_ms, silence
from ivr.audio.line import pink_noise, telephone_line
from ivr.audio.pcm import from_samples, gain, read_wav, resample, write_wav
from ivr.errors import AudioFormatError, ModelError, Saturated
from ivr.events import Expecting
from ivr.models import require
from ivr.settings import Hearing, Paths, Settings
from ivr.speech.engines import hear_file, load_recogniser
from ivr.speech.kokoro import Kokoro
from ivr.speech.listener import Listener, ListenerEvent, SpeechStarted, Transcribed
from ivr.speech.recogniser import Hint, Recogniser, Transcript
from ivr.speech.vosk import VoskRecogniser
from ivr.speech.whisper import BEAM, Guess, WhisperRecogniser, believable, without_echo

MODELS = Settings().paths.models
SOUNDS = Path(__file__).parent / "sounds"
"""Korean, spoken by Kokoro from phonemes: "annyeonghaseyo" and "ne, gamsahamnida"."""

Voice = Callable[[str], bytes]


# --- what needs no model -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("Oui.", "Oui."),
        ("Non, non, non, non,", "Non,"),
        ("Je voudrais le maire. Je voudrais le maire. Je voudr", "Je voudrais le maire."),
        ("Non merci, au revoir.", "Non merci, au revoir."),
        ("06 06 12 34 56", "06 06 12 34 56"),
        ("Le maire et le maire", "Le maire et le maire"),
        ("", ""),
    ],
)
def test_what_is_repeated_is_said_once(text: str, once: str) -> None:
    assert without_echo(text) == once


@pytest.mark.parametrize(
    "guess",
    [
        Guess("Sous-titres réalisés par la communauté d'Amara.org", 0.9, 0.0),
        Guess("Merci d'avoir regardé cette vidéo !", 0.9, 0.0),
        Guess("Musique", 0.9, 0.0),
        Guess("...", 0.9, 0.0),
        Guess("C'est bien ça.", 0.5, 0.6),
        Guess("L'hôpital", 0.07, 0.1),
    ],
)
def test_inventions_are_not_believed(guess: Guess) -> None:
    assert not believable(guess)


def test_words_are_believed() -> None:
    assert believable(Guess("Oui.", 0.5, 0.2))
    assert believable(Guess("Exactement.", 0.8, 0.45))


def with_models(folder: Path, **hearing: str) -> Settings:
    return Settings(paths=Paths(models=folder), hearing=Hearing.model_validate(hearing))


@pytest.mark.parametrize(
    ("hearing", "says"),
    [
        ({}, "speech model whisper-base: .* run: ivr models whisper-base"),
        ({"engine": "vosk"}, "speech model vosk-small-fr: .* run: ivr models vosk-small-fr"),
        ({"vosk_model": "vosk-klingon"}, r"\[hearing\] vosk_model = 'vosk-klingon'"),
        ({"whisper_model": "/nowhere"}, r"whisper_model = '/nowhere' .*\(model\.bin"),
    ],
)
def test_a_missing_model_says_what_to_run(
    tmp_path: Path, hearing: dict[str, str], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        load_recogniser(with_models(tmp_path, **hearing))


def test_a_truncated_french_vosk_model_is_not_passed_over(tmp_path: Path) -> None:
    home = tmp_path / "vosk-small-fr"
    home.mkdir()
    (home / "installed.json").write_text(
        '{"source": "", "files": [{"path": "final.mdl", "size": 9, "sha256": ""}]}'
    )
    (home / "final.mdl").write_text("half")
    with pytest.raises(ModelError, match=r"final\.mdl has 4 bytes instead of 9"):
        load_recogniser(with_models(tmp_path))


def test_a_folder_that_is_no_vosk_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no Vosk model, or damaged"):
        load_recogniser(with_models(tmp_path, vosk_model=str(tmp_path)))


async def test_a_recording_in_a_wrong_format(tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(b"ID3" + bytes(400))
    with pytest.raises(AudioFormatError, match=r"song\.wav: not a WAV file \(MP3\); wanted"):
        await hear_file(Settings(), song)


# --- French, by Whisper --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def voice() -> Voice:
    """A French speaker, on a telephone with a little noise."""
    kokoro = Kokoro(require(MODELS, "kokoro"), {"fr": "ff_siwis"}, threads=2)

    @cache
    def say(text: str) -> bytes:
        samples, rate = kokoro.synthesise(text, "fr", 1.0)
        words = from_samples(resample(samples, rate, SAMPLE_RATE))
        return silence(400) + words + silence(300)

    return say


@pytest.fixture(scope="module")
async def whisper() -> AsyncIterator[Recogniser]:
    recogniser = WhisperRecogniser(require(MODELS, "whisper-base"), workers=2, max_waiting=1)
    yield recogniser
    await recogniser.close()


async def heard(recogniser: Recogniser, pcm: bytes, hint: Hint | None = None) -> Transcript:
    session = recogniser.session(hint)
    for at in range(0, len(pcm), FRAME_BYTES * 10):
        await session.feed(pcm[at : at + FRAME_BYTES * 10])
    transcript = await session.transcript()
    await session.close()
    await session.close()  # twice is safe
    return transcript


@pytest.mark.speech
class TestWhisper:
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ("Bonjour, quels sont les horaires d'ouverture de la mairie ?", "horaires d'ouverture"),
            ("Je voudrais prendre rendez-vous pour un passeport.", "rendez-vous pour un passeport"),
            ("Les encombrants, c'est quel jour ?", "encombrants"),
        ],
    )
    async def test_hears_requests(
        self, whisper: Recogniser, voice: Voice, said: str, words: str
    ) -> None:
        transcript = await heard(whisper, telephone_line(voice(said), snr_db=20))
        assert words in transcript.text
        assert transcript.confidence > 0.5
        assert transcript.audio_ms == pytest.approx(duration_ms(voice(said)), abs=1)

    async def test_hears_yes_and_no(self, whisper: Recogniser, voice: Voice) -> None:
        for said in ("Oui.", "Non."):
            hint = Hint(expecting="yes-no")
            transcript = await heard(whisper, telephone_line(voice(said), snr_db=20), hint)
            assert transcript.text.lower().startswith(said[:3].lower())

    @pytest.mark.parametrize("expecting", ["request", "yes-no", "digits"])
    async def test_invents_nothing(self, whisper: Recogniser, expecting: Expecting) -> None:
        hum = np.sin(2 * np.pi * 350 * np.arange(SAMPLE_RATE * 2) / SAMPLE_RATE)
        for sound in (
            b"",
            silence(60),
            silence(1500),
            telephone_line(gain(from_samples(pink_noise(SAMPLE_RATE * 2)), -20)),
            telephone_line(from_samples(0.2 * hum)),
        ):
            transcript = await heard(whisper, sound, Hint(expecting=expecting))
            assert (transcript.text, transcript.confidence) == ("", 0.0)

    async def test_refuses_what_it_cannot_take(self, whisper: Recogniser, voice: Voice) -> None:
        pcm = voice("Oui.")
        results = await asyncio.gather(
            *(heard(whisper, pcm) for _ in range(4)), return_exceptions=True
        )
        assert [isinstance(one, Saturated) for one in results] == [False, False, True, True]

    async def test_a_request_is_heard_twice_when_there_is_time(
        self, whisper: Recogniser, voice: Voice
    ) -> None:
        said = telephone_line(voice("Les encombrants, c'est quel jour ?"), snr_db=20)
        twice = await heard(whisper, said)
        assert BEAM <= len(twice.others) < 2 * BEAM
        assert "encombrants" in twice.others[-BEAM]
        assert (await heard(whisper, said, Hint(expecting="yes-no"))).others == ()
        busy = await asyncio.gather(heard(whisper, said), heard(whisper, said))
        assert min(len(one.others) for one in busy) < BEAM

    async def test_a_whole_conversation_by_the_listener(
        self, whisper: Recogniser, voice: Voice
    ) -> None:
        """Real voice, detector, endpointing and recogniser: barge-in, then a yes."""
        events: asyncio.Queue[ListenerEvent] = asyncio.Queue()
        ear = Listener(whisper, Hearing(), events.put_nowait)

        def hear(pcm: bytes) -> None:
            line = telephone_line(silence(1000) + pcm + silence(1500), snr_db=15)
            for at in range(0, len(line) - FRAME_BYTES + 1, FRAME_BYTES):
                ear.hear(line[at : at + FRAME_BYTES])

        turns: tuple[tuple[str, str, Expecting, bool], ...] = (
            ("Je voudrais parler à un conseiller.", "conseiller", "request", True),
            ("Oui.", "oui", "yes-no", False),
        )
        for said, words, expecting, speaking in turns:
            ear.start(expecting, speaking=speaking, patience=1.0, language="fr")
            hear(voice(said))
            assert isinstance(await events.get(), SpeechStarted)
            answer = await events.get()
            assert isinstance(answer, Transcribed)
            assert words in answer.transcript.text.lower()
        await ear.close()

    async def test_hears_a_file(self, voice: Voice, tmp_path: Path) -> None:
        pcm = voice("Les encombrants, c'est quel jour ?") + silence(1500) + voice("Non merci.")
        write_wav(tmp_path / "call.wav", telephone_line(pcm), rate=8000)
        transcript = await hear_file(with_models(MODELS, engine="whisper"), tmp_path / "call.wav")
        assert "encombrants" in transcript.text
        assert "merci" in transcript.text
        assert transcript.audio_ms == pytest.approx(duration_ms(pcm), abs=20)


@pytest.mark.speech
@pytest.mark.parametrize("said", ["Oui.", "Les encombrants, c'est quel jour ?"])
@pytest.mark.parametrize("snr_db", [None, 25, 10])
def test_speech_is_found_over_noise(voice: Voice, said: str, snr_db: float | None) -> None:
    pcm = silence(1000) + voice(said) + silence(1000)
    for rules in (Rules(), Rules(begin_ms=200, begin_at=0.6)):
        (found,) = utterances(telephone_line(pcm, snr_db=snr_db), rules)
        assert duration_ms(found) > duration_ms(voice(said)) - 800


@pytest.mark.speech
def test_a_recording_may_end_with_its_last_word(voice: Voice) -> None:
    pcm = voice("Je voudrais refaire ma carte d'identité")
    for ms in range(0, 160, 20):
        assert len(list(utterances(pcm[: len(pcm) - ms * 32], Rules()))) == 1


@pytest.mark.speech
def test_two_sentences_are_two_utterances(voice: Voice) -> None:
    pcm = voice("Non merci.") + silence(1000) + voice("Au revoir.") + silence(1000)
    assert len(list(utterances(telephone_line(pcm, snr_db=20), Rules()))) == 2


# --- Korean, by Vosk -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def vosk() -> AsyncIterator[Recogniser]:
    recogniser = VoskRecogniser(require(MODELS, "vosk-ko"), workers=2, max_waiting=2)
    yield recogniser
    await recogniser.close()


def korean(name: str) -> bytes:
    return silence(300) + read_wav(SOUNDS / f"korean-{name}.wav") + silence(300)


@pytest.mark.speech
class TestVosk:
    @pytest.mark.parametrize(
        ("name", "said"), [("hello", "안녕하세요"), ("yes-thanks", "네 감사합니다")]
    )
    async def test_hears_words(self, vosk: Recogniser, name: str, said: str) -> None:
        transcript = await heard(vosk, korean(name))
        assert transcript.text == said
        assert transcript.confidence > 0.5
        assert transcript.audio_ms == pytest.approx(duration_ms(korean(name)), abs=10)

    async def test_tells_what_it_has_heard_so_far(self, vosk: Recogniser) -> None:
        session = vosk.session()
        assert session.partial == ""
        await session.feed(korean("yes-thanks"))
        assert session.partial != ""
        first = await session.transcript()
        await session.feed(silence(200) + korean("hello"))
        both = await session.transcript()
        assert both.text.startswith(first.text)
        assert len(both.text) > len(first.text)
        await session.close()

    async def test_a_grammar_limits_what_can_be_heard(self, vosk: Recogniser) -> None:
        hint = Hint(phrases=("안녕하세요", "네", "쀍쀍쀍"))  # the last is no word
        assert (await heard(vosk, korean("hello"), hint)).text == "안녕하세요"
        assert "감사합니다" not in (await heard(vosk, korean("yes-thanks"), hint)).text

    async def test_silence_and_noise_have_no_words(self, vosk: Recogniser) -> None:
        assert (await heard(vosk, b"")).text == ""
        assert (await heard(vosk, silence(1500))).text == ""

    async def test_callers_do_not_mix(self, vosk: Recogniser) -> None:
        names = ["hello", "yes-thanks"]
        results = await asyncio.gather(*(heard(vosk, korean(name)) for name in names))
        assert [one.text for one in results] == ["안녕하세요", "네 감사합니다"]

    async def test_a_caller_who_leaves_is_let_go(self, vosk: Recogniser) -> None:
        session = vosk.session()
        feeding = asyncio.create_task(session.feed(korean("hello")))
        await asyncio.sleep(0)
        feeding.cancel()
        await asyncio.wait([feeding])
        await session.close()
        assert (await heard(vosk, korean("hello"))).text == "안녕하세요"
