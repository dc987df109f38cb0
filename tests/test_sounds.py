"""What Asterisk plays in our own voice, on disk."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from ivr.audio.form import silence
from ivr.errors import EngineError
from ivr.knowledge.load import load
from ivr.speech.sentences import sentences
from ivr.waiting.sounds import Sounds, whispered

KNOWLEDGE = load(Path(__file__).parents[1] / "knowledge")


class Voice:
    """Says everything in 20 ms, and remembers what it was not to keep."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bool]] = []

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        self.said.append((sentence, keep))
        return silence(20)


class Mute:
    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        raise EngineError("no voice today")


def test_a_reason_becomes_short_sentences_and_a_callers_words_are_not_kept() -> None:
    assert whispered("A déjà attendu - Carte d'identité, déjà renseigné") == [
        ("A déjà attendu.", True), ("Carte d'identité.", True), ("Déjà renseigné.", True),
    ]  # fmt: skip
    assert whispered("« le grand bâtiment gris »") == [("Le grand bâtiment gris.", False)]
    assert whispered("URGENCE : il y a le feu") == [("URGENCE : il y a le feu.", False)]
    assert whispered("") == []
    long = " ".join(text for text, _ in whispered("« " + "mot " * 100 + "»"))
    assert len(long.split()) == 14


async def until_there(folder: Path, name: str) -> Path:
    file = folder / f"{name}.sln16"
    async with asyncio.timeout(5):
        while not await asyncio.to_thread(file.exists):
            continue
    return file


def sounds_in(folder: Path) -> dict[str, int]:
    """The sounds of a folder, and their lengths in bytes."""
    return {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*.sln16")}


async def test_another_user_may_read_a_whisper_and_not_look_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    sounds = Sounds(folder, Voice())
    file = await until_there(folder, sounds.whisper("1.1", "Passeport"))
    assert file.stat().st_mode & 0o777 == 0o644
    assert folder.stat().st_mode & 0o777 == 0o711
    assert sounds_in(folder) == {file.name: len(silence(20))}
    other = await until_there(folder, sounds.whisper("1.1", "Passeport - A déjà attendu"))
    assert not file.exists(), "replaced"
    sounds.forget("1.1")
    assert not other.exists()
    await sounds.close()


async def test_no_voice_is_no_whisper_and_no_failure(tmp_path: Path) -> None:
    sounds = Sounds(tmp_path, Mute())
    sounds.whisper("1.1", "Passeport")
    await sounds.offer(KNOWLEDGE)
    await sounds.close()
    assert not sounds_in(tmp_path)


async def test_those_who_wait_hear_the_offer_in_each_language(tmp_path: Path) -> None:
    voice = Voice()
    await Sounds(tmp_path, voice).offer(KNOWLEDGE)
    found = sounds_in(tmp_path)
    assert set(found) == {
        *("fr/offre.sln16", "en/offre.sln16", "fr/callback.sln16", "en/callback.sln16")
    }
    assert all(found.values())
    assert any("tapez 1" in text for text, _ in voice.said)


class Letters:
    """Says a text as its letters."""

    def __init__(self) -> None:
        self.pace = ""

    async def clip(
        self, sentence: str, language: str = "fr", pace: float = 1.0, *, keep: bool = True
    ) -> bytes:
        return f"{sentence}{self.pace}".encode()


async def test_a_changed_wording_or_voice_is_heard_without_a_restart(tmp_path: Path) -> None:
    root = tmp_path / "knowledge"
    shutil.copytree(Path(__file__).parents[1] / "knowledge", root)
    voice, quiet = Letters(), asyncio.Event()
    sounds = Sounds(tmp_path / "sounds", voice)
    offer, ready = (tmp_path / "sounds" / "fr" / f"{name}.sln16" for name in ("offre", "service-1"))
    keeping = asyncio.create_task(sounds.keep(KNOWLEDGE, quiet.wait))

    async def says(file: Path, text: str) -> None:
        async with asyncio.timeout(5):
            while not file.exists() or text.encode() not in file.read_bytes():  # noqa: ASYNC110,ASYNC240
                await asyncio.sleep(0.01)

    await says(ready, sentences(KNOWLEDGE.catalogue.text("duty.ready"))[0])
    assert not offer.exists(), "a call is being taken"
    quiet.set()
    await says(offer, "tapez 1")
    with offer.open("rb") as being_heard:
        prompts = root / "prompts" / "fr.yaml"
        text = prompts.read_text(encoding="utf-8")
        prompts.write_text(text.replace("tapez 1", "appuyez sur 1"), encoding="utf-8")
        sounds.renew(load(root))
        await says(offer, "appuyez sur 1")
        assert b"tapez 1" in being_heard.read(), "heard out whole"
    voice.pace = " lentement"
    sounds.renew()
    await says(offer, " lentement")
    await says(ready, " lentement")
    keeping.cancel()


async def test_operators_hear_what_their_code_has_done(tmp_path: Path) -> None:
    voice = Voice()
    await Sounds(tmp_path, voice).duty(KNOWLEDGE)
    codes = ("1", "2", "31", "32", "33", "34", "35")
    assert set(sounds_in(tmp_path)) == {f"fr/service-{code}.sln16" for code in codes}
    assert ("C'est noté : repas.", True) in voice.said
