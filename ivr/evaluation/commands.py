"""What ``ivr evaluate`` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivr.errors import IvrError
from ivr.evaluation import report as telephone
from ivr.evaluation.audio import SNR_DB, VOICES, hear
from ivr.knowledge.base import Knowledge
from ivr.nlu.evaluate import evaluate, read_lines, sample
from ivr.nlu.matcher import Matcher
from ivr.progress import Counter
from ivr.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """What to evaluate, and how."""

    file: Path
    limit: int | None = None
    """At most so many lines, taken evenly."""
    audio: bool = False
    """Spoken and sent down a telephone line."""
    page: Path | None = None
    """The HTML report to write, with ``audio``."""
    voices: Sequence[str] = VOICES
    snr_db: float = SNR_DB


async def run(
    settings: Settings, knowledge: Knowledge, matcher: Matcher, wanted: Wanted, *, as_json: bool
) -> None:
    """Evaluate and print. Raises IvrError, before anything is spoken where that can be."""
    if wanted.page and not wanted.audio:
        raise IvrError("--report goes with --audio")
    if wanted.page and not wanted.page.absolute().parent.is_dir():
        raise IvrError(f"{wanted.page}: there is no such folder")
    lines = sample(read_lines(wanted.file, knowledge.entries), wanted.limit)
    if not wanted.audio:
        report = evaluate(matcher, lines)
        print(_json(report.as_json()) if as_json else report.as_text())
        return
    with Counter("lines spoken, then heard", sys.stderr) as progress:
        heard = await hear(
            settings, lines, voices=wanted.voices, snr_db=wanted.snr_db, progress=progress
        )
    spoken = telephone.compare(matcher, heard)
    if wanted.page:
        telephone.write(spoken.as_html(), wanted.page)
    print(_json(spoken.as_json()) if as_json else spoken.as_text())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
