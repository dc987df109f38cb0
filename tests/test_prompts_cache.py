"""Clips are made once, kept whole, shared, and made again when damaged."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.audio.form import duration_ms
from ivr.errors import EngineError, ModelError
from ivr.speech.prompts import SPARED_S, SpeechCache, Voice
from ivr.speech.synthesiser import Synthesiser
from tests.tones import Tones

HELLO = "Bonjour, je vous écoute."
HOURS = "La mairie ouvre à 9 h."
HEARD = "Votre rappel est noté pour demain."


@pytest.fixture
def tones() -> Tones:
    return Tones()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "speech"


Open = Callable[..., SpeechCache]


@pytest.fixture
async def opened(tones: Tones, folder: Path) -> AsyncIterator[Open]:
    """Opens caches on ``folder``, whose voice is ``tones``."""
    caches = []

    def open_cache(
        speaker: str = "a",
        pace: float = 1.0,
        loudness: float = -20.0,
        load: Callable[[], Synthesiser] = lambda: tones,
    ) -> SpeechCache:
        voice = Voice(load, lambda language: f"{speaker} {language}", pace, loudness)
        caches.append(SpeechCache(folder, voice))
        return caches[-1]

    yield open_cache
    tones.may_go_on.set()
    for cache in caches:
        await cache.close()


def kept(folder: Path) -> list[Path]:
    return list(folder.glob("*"))


def no_engine() -> Synthesiser:
    raise ModelError("the model is missing")


async def test_made_once_and_kept(opened: Open, tones: Tones) -> None:
    cache = opened()
    clip = await cache.clip(HELLO)
    assert duration_ms(clip) >= 200
    assert await cache.clip(HELLO) == clip
    assert tones.asked == [(HELLO, "fr", 1.0)]
    # At the next start the engine is not even loaded.
    assert await opened(load=no_engine).clip(HELLO) == clip


async def test_another_voice_takes_over_and_what_is_under_way_is_the_first_ones(
    opened: Open, tones: Tones
) -> None:
    cache, second = opened(), Tones()
    tones.may_go_on.clear()
    under_way = asyncio.create_task(cache.clip(HELLO))
    await asyncio.to_thread(tones.started.wait)
    cache.use(Voice(lambda: second, lambda language: f"b {language}", pace=0.8))
    tones.may_go_on.set()
    first = await under_way
    assert await opened().clip(HELLO) == first, "kept as the first voice's"
    assert duration_ms(await cache.clip(HELLO)) > duration_ms(first)
    assert (tones.asked, second.asked) == ([(HELLO, "fr", 1.0)], [(HELLO, "fr", 0.8)])


async def test_another_pace_does_not_load_the_engine_again(folder: Path, tones: Tones) -> None:
    loads = []

    def load() -> Synthesiser:
        loads.append(1)
        return tones

    first = Voice(load, lambda language: f"a {language}")
    cache = SpeechCache(folder, first)
    await cache.clip(HELLO)
    cache.use(replace(first, pace=0.9))
    await cache.clip(HELLO)
    await cache.close()
    assert (len(loads), len(tones.asked)) == (1, 2)


async def test_what_is_written_is_made_speakable(opened: Open, tones: Tones) -> None:
    cache = opened()
    await cache.clip(HOURS)
    await cache.clip("Open at 9:30 am", "en")
    said = [(text, language) for text, language, _ in tones.asked]
    assert said == [("La mairie ouvre à neuf heures.", "fr"), ("Open at nine thirty a m", "en")]


async def test_two_ways_to_write_the_same_are_one_clip(opened: Open, tones: Tones) -> None:
    cache = opened()
    assert await cache.clip("Le 1er mai") == await cache.clip("Le premier mai")
    assert len(tones.asked) == 1


async def test_slower_speech_is_another_clip(opened: Open, tones: Tones) -> None:
    cache = opened(pace=0.9)
    normal, slow = await cache.clip(HELLO), await cache.clip(HELLO, pace=0.8)
    assert duration_ms(slow) > duration_ms(normal)
    assert [pace for *_, pace in tones.asked] == [0.9, pytest.approx(0.72)]


@pytest.mark.parametrize("change", [{"speaker": "b"}, {"pace": 1.1}, {"loudness": -23.0}])
async def test_another_voice_is_rendered_anew(
    opened: Open, tones: Tones, change: dict[str, str | float]
) -> None:
    await opened().clip(HELLO)
    await opened(**change).clip(HELLO)
    assert len(tones.asked) == 2


@pytest.mark.parametrize("nothing", ["", "…", "😀"])
async def test_nothing_to_say(opened: Open, nothing: str) -> None:
    assert await opened(load=no_engine).clip(nothing) == b""


async def test_who_asks_for_the_same_shares_the_work(opened: Open, tones: Tones) -> None:
    cache = opened()
    first, *others = await asyncio.gather(*(cache.clip(HELLO) for _ in range(5)))
    assert all(other == first for other in others)
    assert len(tones.asked) == 1


async def test_a_caller_who_leaves_takes_nothing_from_the_others(
    opened: Open, tones: Tones
) -> None:
    cache = opened()
    tones.may_go_on.clear()
    leaving, staying = (asyncio.create_task(cache.clip(HELLO)) for _ in range(2))
    await asyncio.to_thread(tones.started.wait)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    tones.may_go_on.set()
    assert await staying
    assert len(tones.asked) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: bytes(len(whole)),
        lambda whole: whole[:100] + b"!" + whole[101:],
    ],
    ids=["cut short", "empty", "zeroed", "altered"],
)
async def test_a_damaged_clip_is_rendered_again(
    opened: Open, tones: Tones, folder: Path, damage: Callable[[bytes], bytes]
) -> None:
    cache = opened()
    clip = await cache.clip(HELLO)
    (file,) = kept(folder)
    file.write_bytes(damage(file.read_bytes()))
    assert await cache.clip(HELLO) == clip
    assert await opened(load=no_engine).clip(HELLO) == clip
    assert len(tones.asked) == 2


@pytest.fixture
def unwritable(folder: Path) -> None:
    folder.write_text("a file where the folder should be")


@pytest.mark.usefixtures("unwritable")
async def test_a_disk_that_cannot_be_written_still_speaks(
    opened: Open, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = opened()
    with caplog.at_level(logging.ERROR):
        assert await cache.clip(HELLO)
        assert await cache.clip(HOURS)
    assert [record.getMessage().startswith("speech is not kept") for record in caplog.records] == [
        True
    ]
    report = await cache.render([(HELLO, "fr")])
    assert report.failed == ((HELLO, f"not written to {folder}"),)


async def test_a_callers_number_is_not_kept(opened: Open, folder: Path) -> None:
    cache = opened()
    assert await cache.clip("J'ai noté le 06 12 34 56 78.")
    assert not kept(folder)
    # What the knowledge files hold is, for it is rendered ahead.
    await cache.render([("Appelez le 02 32 00 00 00.", "fr")])
    assert len(kept(folder)) == 1


async def test_what_is_missing_is_rendered(opened: Open, tones: Tones) -> None:
    cache = opened()
    await cache.clip(HELLO)
    wanted = [(HELLO, "fr"), (HOURS, "fr"), (HOURS, "fr"), ("Hello.", "en"), ("…", "fr")]
    assert cache.missing(wanted) == [(HOURS, "fr"), ("Hello.", "en")]
    progress: list[tuple[int, int]] = []
    report = await cache.render(wanted, lambda done, total: progress.append((done, total)))
    assert (report.rendered, report.present, report.failed) == (2, 1, ())
    assert progress == [(0, 2), (1, 2), (2, 2)]
    assert cache.missing(wanted) == []
    assert (await cache.render(wanted)).rendered == 0


async def test_one_that_fails_does_not_stop_the_others(opened: Open) -> None:
    report = await opened().render([(HELLO, "fr"), ("xxx", "fr"), (HOURS, "fr")])
    assert (report.rendered, report.failed) == (2, (("xxx", "cannot say xxx"),))


async def test_a_live_sentence_waits_for_one_rendering_only(opened: Open, tones: Tones) -> None:
    cache = opened()
    tones.may_go_on.clear()
    rendering = asyncio.create_task(cache.render([(f"Phrase {n}.", "fr") for n in "abc"]))
    await asyncio.to_thread(tones.started.wait)
    live = asyncio.create_task(cache.clip(HELLO))
    await asyncio.to_thread(time.monotonic)  # lets the live request reach the queue
    tones.may_go_on.set()
    await asyncio.gather(live, rendering)
    assert [text for text, *_ in tones.asked].index(HELLO) <= 2


async def test_without_its_model_the_voice_says_why(opened: Open) -> None:
    cache = opened(load=no_engine)
    for _ in range(2):
        with pytest.raises(ModelError, match="the model is missing"):
            await cache.clip(HELLO)
    with pytest.raises(EngineError):
        await opened().clip("xxx")


async def test_pruning_keeps_what_is_wanted_young_or_heard_lately(
    opened: Open, folder: Path
) -> None:
    cache = opened()
    for sentence in (HELLO, HOURS, HEARD):
        await cache.clip(sentence)
    long_ago = time.time() - SPARED_S - 60
    for file in kept(folder):
        os.utime(file, (long_ago, long_ago))
    await cache.clip("Une autre question ?")
    await cache.clip(HEARD)
    assert cache.prune([(HELLO, "fr")]) == 1
    assert cache.missing([(HELLO, "fr"), (HOURS, "fr"), (HEARD, "fr")]) == [(HOURS, "fr")]
    assert len(kept(folder)) == 3
