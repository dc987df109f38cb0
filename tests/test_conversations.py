"""Scripted conversations, in text, with the real dialogue, matcher and knowledge."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr import simulate
from ivr.call import Mind
from ivr.errors import Fault, KnowledgeError

SCRIPTS = sorted((Path(__file__).parent / "conversations").glob("*.yaml"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_conversation(path: Path, mind: Mind) -> None:
    lines = [line async for line in simulate.run(simulate.read_script(path), mind)]
    assert not [line for line in lines if isinstance(line, Fault)], "\n".join(map(str, lines))


def test_a_fault_in_a_script_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("title: x\nat: 2026-11-24 10:15\ntranscript:\n  - caler: bonjour\n")
    with pytest.raises(KnowledgeError, match=r"script\.yaml:4"):
        simulate.read_script(path)


async def test_what_differs_is_told(tmp_path: Path, mind: Mind) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "title: x\nat: 2026-11-24 10:15\nends: answered\ntranscript:\n"
        "  - keys: '0'\n  - machine: bonsoir\n    never: [ne quittez pas]\n"
    )
    faults = [
        str(line)
        async for line in simulate.run(simulate.read_script(path), mind)
        if isinstance(line, Fault)
    ]
    assert [fault.split(": ", 2)[2].split(" ")[0] for fault in faults] == ["«", "«", "ended"]
