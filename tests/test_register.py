"""The register sheet tells the durations that are the defaults, and the commands that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.settings import Messages, Retention

ROOT = Path(__file__).parents[1]
SHEET = (ROOT / "docs" / "fr" / "registre.md").read_text(encoding="utf-8")
NOTICE = SHEET[SHEET.index("> **Le standard") :]
DURATIONS = [name for name in Retention.model_fields if name != "hour"]


@pytest.mark.parametrize("name", DURATIONS)
def test_each_duration_is_the_default(name: str) -> None:
    (days,) = re.findall(rf"\| (\d+) jours \| `{name}` \|", SHEET)
    assert int(days) == getattr(Retention(), name)


def test_the_notice_for_the_website_tells_the_same() -> None:
    days = Retention()
    assert f"est gardé {days.transcripts} jours" in NOTICE
    assert f"votre numéro, {days.numbers} jours" in NOTICE
    assert f"il est gardé {days.messages} jours au plus" in NOTICE


def test_the_sheet_names_settings_that_exist() -> None:
    assert "[messages] offered = false" in SHEET
    assert Messages().offered
    assert "[retention] hour" in SHEET


def test_callers_are_told_what_the_sheet_says_they_are_told() -> None:
    prompts = (ROOT / "knowledge" / "prompts" / "fr.yaml").read_text(encoding="utf-8")
    assert "n'est pas enregistrée" in prompts
    assert re.search(r"message\.begin: >-\n +Votre message va être enregistré", prompts)
