"""Voice files: what is wrong with one is said on its line, and never silences the switchboard."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from ivr.errors import KnowledgeError
from ivr.settings import Paths, Settings, Speaking
from ivr.speech import coqui, voices
from ivr.speech.prompts import Voice
from ivr.speech.voices import BUILT_IN, configured, follow_voice, load_voices, open_speech

GOOD = "speakers:\n  fr: ff_siwis\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With the speakers ``ff_siwis`` and ``af_heart``, and no model that could be loaded."""
    paths = {name: tmp_path / name for name in ("var", "voices", "models")}
    speakers = paths["models"] / "kokoro" / "voices"
    speakers.mkdir(parents=True)
    for name in ("ff_siwis", "af_heart"):
        (speakers / f"{name}.bin").touch()
    paths["voices"].mkdir()
    return Settings(paths=Paths(**paths), speaking=Speaking(voice="ours"))


def write(settings: Settings, text: str, name: str = "ours") -> None:
    (settings.paths.voices / f"{name}.yaml").write_text(text, encoding="utf-8")


async def test_a_changed_voice_is_followed_and_a_broken_one_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(voices, "INTERVAL", 0.01)
    write(settings, GOOD)
    first, found = configured(settings), asyncio.Queue[Voice]()
    following = asyncio.create_task(follow_voice(settings, found.put_nowait))
    async with asyncio.timeout(10):
        await asyncio.sleep(0)  # it has looked once
        write(settings, GOOD + "pace: 9\n")
        while "the one before goes on" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert "ours.yaml:3: pace" in caplog.text
        write(settings, GOOD + "pace: 0.9\n")
        slower = await found.get()
        assert (slower.pace, slower.load == first.load) == (0.9, True)
        write(settings, "speakers:\n  fr: af_heart\n")
        assert (await found.get()).load != first.load
    following.cancel()


def test_the_voice_that_comes_with_it(settings: Settings) -> None:
    shipped = Path(__file__).parent.parent / "voices"
    paths = settings.paths.model_copy(update={"voices": shipped})
    ours = settings.model_copy(update={"paths": paths, "speaking": Speaking()})
    assert load_voices(ours)["siwis"] == BUILT_IN.model_copy(update={"loudness": -20.0})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "ours.yaml: le fichier est vide : remplissez-le ou restaurez-le"),
        ("engine: espeak\n" + GOOD, "ours.yaml:1: engine: « engine » : « espeak » n'est pas"),
        (GOOD + "pace: 3\n", "ours.yaml:3: pace: « pace » : le nombre est trop grand"),
        (GOOD + "pace: vite\n", "ours.yaml:3: pace: « pace » : un nombre était attendu"),
        (GOOD + "loudnes: -20\n", "vouliez-vous écrire « loudness » ?"),
        ("speakers:\n  en: af_heart\n", "« speakers » doit nommer qui parle français"),
        (GOOD + "  en: bob\n", "ours.yaml:3: speakers.en: il n'y a pas de voix « bob » ; choisi"),
        ("engine: coqui\nmodel: x.pth\n", "ours.yaml:1: engine: Coqui is not installed; run: pip"),
        ("engine: coqui\n", "« model » doit nommer"),
        ("speakers: {fr: ff_siwis\n", "ours.yaml:2"),
    ],
)
def test_a_fault_is_on_its_line(
    settings: Settings, text: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coqui, "installed", lambda: False)
    write(settings, text)
    with pytest.raises(KnowledgeError) as error:
        load_voices(settings)
    assert fault in str(error.value)


def test_a_coqui_model_that_is_not_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coqui, "installed", lambda: True)
    write(settings, "engine: coqui\nmodel: tiny/model.pth\n")
    with pytest.raises(KnowledgeError, match=r"ours.yaml:2: model: il n'y a pas de modèle .*tiny"):
        load_voices(settings)
    write(settings, "engine: coqui\nmodel: tts_models/fr/css10/vits\n")
    assert load_voices(settings)["ours"].engine == "coqui"


def test_all_faults_of_all_files(settings: Settings) -> None:
    write(settings, "pace: 3\n", "other")
    with pytest.raises(KnowledgeError) as error:
        load_voices(settings)
    assert {Path(fault.file).name for fault in error.value.faults} == {"ours.yaml", "other.yaml"}


@pytest.mark.parametrize("text", [None, "speakers: {fr: bob}\n", "\tx", "pace: 3\n"])
async def test_a_bad_voice_file_never_silences_the_switchboard(
    settings: Settings, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    if text is not None:
        write(settings, text)
    with caplog.at_level(logging.WARNING):
        speech = open_speech(settings)
    assert len(caplog.records) == 1
    assert "the built-in one speaks instead" in caplog.text
    assert "ours.yaml" in caplog.text
    assert await speech.clip("…") == b""
    await speech.close()


async def test_opening_loads_no_engine(settings: Settings) -> None:
    write(settings, GOOD)
    speech = open_speech(settings)  # there is no model to load
    with pytest.raises(Exception, match="ivr models kokoro"):
        await speech.clip("Bonjour.")
    await speech.close()
