"""What the documents promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from ivr.cli import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    here = [target for target in targets if "://" not in target]
    assert [target for target in here if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    named = re.findall(
        r"(?:\./scripts/|`|^)ivr ([a-z][a-z-]*[a-z])", document.read_text(encoding="utf-8"), re.M
    )
    assert set(named) <= COMMANDS


def test_every_command_is_documented() -> None:
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert [name for name in COMMANDS if not re.search(rf"\bivr {name}\b", text)] == []
