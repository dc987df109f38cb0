"""Speed and memory of the whole switchboard on this machine, as tables: ``scripts/bench``."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ivr import app, exchange, simulate
from ivr.audio.form import duration_ms
from ivr.audio.line import telephone_line
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.calllog.tables import Turn
from ivr.dialogue import rehearsal
from ivr.dialogue.turns import Opened, Say
from ivr.progress import Counter
from ivr.secrets import load_or_create
from ivr.settings import Settings
from ivr.speech.engines import load_recogniser
from ivr.speech.spoken import sentences
from ivr.speech.voices import configured, open_speech
from ivr.testcaller.caller import Manner
from ivr.testcaller.network import Network
from ivr.testcaller.people import people
from ivr.testcaller.telephones import Telephones, telephones
from tests.bench_tools import Process, print_table, seconds, spread
from tests.exchange import TOWN_HALL
from tests.tones import Tones
from tests.town import ROOT, environment, settings_in

QUESTIONS = (
    "Bonjour, quels sont les horaires d'ouverture de la mairie ?",
    "Je voudrais refaire ma carte d'identité.",
    "Je voudrais renouveler mon passeport.",
    "Je voudrais un acte de naissance.",
    "Où se trouve la déchèterie ?",
    "Quand passent les encombrants ?",
    "Je voudrais inscrire mon fils à la cantine.",
    "Comment avoir une place en crèche ?",
    "Comment faire pour conclure un PACS ?",
    "Je viens d'emménager, comment m'inscrire sur les listes électorales ?",
    "Comment réserver la salle des fêtes ?",
    "Je veux déclarer un décès.",
    "Quels sont les horaires de la piscine ?",
    "Quels sont les horaires de la bibliothèque ?",
    "Comment déposer un permis de construire ?",
    "Je voudrais acheter une concession au cimetière.",
    "Ma voiture est à la fourrière.",
    "Mes voisins font trop de bruit.",
    "Je voudrais une subvention pour mon association.",
    "Quel jour est le marché ?",
)
AT = datetime.fromisoformat("2026-11-24T10:15+01:00")
"""When the questions are thought through; the calls come when they come."""
CROWDS = (1, 4, 8, 16)
STARTS = 3
PATIENCE = 15.0
"""Seconds without an answer after which a caller is counted as left in silence."""
LIMIT = 120.0
"""Seconds until the switchboard must answer."""
LOOK, AT_REST = 3.0, 0.1
"""Seconds between two looks at the time used; seconds used between them by processes at rest."""

T = TypeVar("T")

# --- what is measured -----------------------------------------------------------------------------


async def engines(settings: Settings) -> None:
    """Synthesis, recognition and matching, one piece of work at a time."""
    title, asked = "Engines, alone", QUESTIONS[:10]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fresh = settings.model_copy(
            update={"paths": settings.paths.model_copy(update={"var": Path(folder)})}
        )
        speech = open_speech(fresh)
        await speech.clip("Le modèle se charge.")
        timed = [await _timed(speech.clip(text)) for text in asked]
        await speech.close()
    lengths = [duration_ms(clip) / 1000 for _, clip in timed]
    rows.append(
        ("synthesis, s per s of speech", [t / n for (t, _), n in zip(timed, lengths, strict=True)])
    )
    recogniser = await asyncio.to_thread(load_recogniser, settings)
    heard = []
    for _, clip in timed:
        session = recogniser.session()
        await session.feed(telephone_line(clip, snr_db=30))
        heard.append(await _timed(session.transcript()))
        await session.close()
    await recogniser.close()
    rows.append(("recognition, s per utterance", [t for t, _ in heard]))
    rows.append(
        (
            "recognition, s per s of speech",
            [t / n for (t, _), n in zip(heard, lengths, strict=True)],
        )
    )
    mind = await asyncio.to_thread(app.think, exchange.learn(settings), settings)
    conversation = simulate.Simulation(mind, AT)
    matched = [(await _timed(conversation.hear(text.text)))[0] for _, text in heard]
    rows.append(("matching, s", matched))
    print_table(title, ["", "median", "p90", "worst"], [[name, *spread(x)] for name, x in rows])


async def starts(settings: Settings) -> None:
    """From ``ivr start`` to answering, with everything in place; then the memory at rest."""
    took = []
    for _ in range(STARTS):
        begin = time.monotonic()
        async with _switchboard(settings) as supervisor:
            took.append(time.monotonic() - begin)
            if len(took) == STARTS:
                await _until_at_rest(supervisor)
                print_table("Memory at rest", ["process", "resident, MB", "own share, MB"],
                       [[one.name, *one.memory()] for one in _family(supervisor)])  # fmt: skip
    print_table("Warm start", [f"{STARTS} times, s"], [[", ".join(f"{s:.1f}" for s in took)]])


async def gap(settings: Settings, phones: Telephones) -> None:
    """Calls one after the other: end of the caller's speech to the first sound of the answer."""
    gaps = [(await _call(phones, n, [question]))[0] for n, question in enumerate(QUESTIONS)]
    turns = await _turns(settings, len(gaps))
    rows = [
        [turn.heard, turn.about.split()[0], seconds(gap), seconds((turn.response_ms or 0) / 1000)]
        for turn, gap in zip(reversed(turns), gaps, strict=False)
    ]
    print_table("One call at a time", ["understood", "answer", "on the wire, s", "logged, s"], rows)
    answered = [gap for gap in gaps if gap is not None]
    print_table("Response gap on the wire", ["calls", "median, s", "p90, s", "worst, s"],
           [[f"{len(answered)} of {len(gaps)}", *spread(answered)]])  # fmt: skip


async def crowd(settings: Settings, phones: Telephones, supervisor: int) -> None:
    """Several calls at once, each with two questions."""
    rows = []
    for callers in CROWDS:
        before, began = {one.pid: one.cpu() for one in _family(supervisor)}, time.monotonic()
        idle = _idle()
        pairs = [[QUESTIONS[(2 * n + k) % len(QUESTIONS)] for k in (0, 1)] for n in range(callers)]
        held = await asyncio.gather(*(_call(phones, n, pair) for n, pair in enumerate(pairs)))
        elapsed = time.monotonic() - began
        gaps = [gap for call in held for gap in call]
        served = [gap for gap in gaps if gap is not None]
        turns = await _turns(settings, callers)
        overloaded = sum(turn.happened == "overloaded" for turn in turns)
        cpu = sum(one.cpu() - before.get(one.pid, 0) for one in _family(supervisor)) / elapsed
        busy = 1 - (_idle() - idle) / elapsed / (os.cpu_count() or 1)
        rows.append([str(callers), f"{len(served)} of {2 * callers}", *spread(served),
                     str(overloaded), f"{cpu:.2f}", f"{busy:.0%}"])  # fmt: skip
    print_table("Calls at once, two questions each",
           ["calls", "answered", "median, s", "p90, s", "worst, s", "to the keypad",
            "cores, ours", "machine busy"], rows)  # fmt: skip
    print_table("Memory after them", ["process", "resident, MB", "own share, MB"],
           [[one.name, *one.memory()] for one in _family(supervisor)])  # fmt: skip


# --- the switchboard ------------------------------------------------------------------------------


@asynccontextmanager
async def _switchboard(settings: Settings) -> AsyncIterator[int]:
    """``ivr start``, once it answers; gives its process id."""
    log = settings.paths.var.parent / "start.log"
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("ivr"), "start", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env=os.environ | environment(settings),
    )  # fmt: skip
    assert process.stdout is not None
    said = b""
    drained: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(LIMIT):
            while b"the switchboard answers" not in said.rpartition(b"ready")[2]:
                line = await process.stdout.readline()
                if not line:
                    sys.exit(f"ivr start ended:\n{said.decode()}")
                said += line
        drained = asyncio.create_task(process.stdout.read())
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        log.write_bytes(said + (await drained if drained else b""))
        await process.wait()


@asynccontextmanager
async def _callers(settings: Settings) -> AsyncIterator[Telephones]:
    """People who have their questions ready, and operators who never pick up."""
    secrets = load_or_create(settings.paths.var)
    root = settings.paths.var.parent / "network"
    async with people(settings) as (speak, _):
        for question in QUESTIONS:
            await speak(question)
        async with (
            Network(root, settings, secrets, list(secrets.phones)) as network,
            telephones(network, Manner(speak)) as phones,
        ):
            yield phones


async def _call(phones: Telephones, number: int, says: Sequence[str]) -> list[float | None]:
    """One caller, who talks over the greeting and the answers; the gap after each question."""
    gaps: list[float | None] = []
    async with phones.call(TOWN_HALL, f"06990000{number:02}") as caller:
        await caller.until_answered(LIMIT)
        await caller.until_sound(PATIENCE)
        for words in says:
            said = await caller.say(words)
            caller.skip()
            try:
                gaps.append(await caller.until_sound(PATIENCE) - said.end)
            except TimeoutError:
                gaps.append(None)
    return gaps


async def _turns(settings: Settings, calls: int) -> list[Turn]:
    """What happened in the last calls after the greeting, the latest call first."""
    database = Database(settings.database_url)
    found = await CallLog(database).calls(limit=calls)
    await database.close()
    return [turn for call in found for turn in call.turns[1:]]


async def _prepare(settings: Settings) -> None:
    """All speech in place: the beginnings of what will be answered for real, the rest as tones."""
    knowledge = exchange.learn(settings)
    mind = await asyncio.to_thread(app.think, knowledge, settings)
    begun = [*rehearsal.prompts(knowledge)]
    for question in QUESTIONS:
        conversation = simulate.Simulation(mind, AT)
        await conversation.happen(Opened(None))
        done = await conversation.happen(await conversation.hear(question))
        begun += [(sentences(say.text)[0], say.language) for say in done if isinstance(say, Say)]
    speech = open_speech(settings)
    with Counter("speaking ahead") as counter:
        await speech.render(begun, counter)
    await speech.close()
    kept = (folder := settings.paths.var / "speech").resolve()
    folder.unlink()
    shutil.copytree(kept, folder)
    tones = open_speech(settings)
    tones.use(replace(configured(settings), load=Tones))  # an hour that nobody listens to
    await tones.render(rehearsal.lines(knowledge))
    await tones.close()


async def _until_at_rest(supervisor: int) -> None:
    """Wait until nothing is being loaded or spoken ahead any more."""
    used, more = 0.0, 1.0
    while more > AT_REST:
        await asyncio.sleep(LOOK)
        now = sum(one.cpu() for one in _family(supervisor))
        used, more = now, now - used


# --- processes ------------------------------------------------------------------------------------


def _family(supervisor: int) -> list[Process]:
    """The supervisor and what it runs."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    names = ("redis", "rehearse", "serve", "asterisk", "worker", "console")
    found = [Process(supervisor, "supervisor")]
    for pid in map(int, children):
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        found.append(Process(pid, next((name for name in names if name in command), command)))
    return found


def _idle() -> float:
    """Seconds for which cores had nothing to do."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


# --- tables ---------------------------------------------------------------------------------------


async def _timed(work: Awaitable[T]) -> tuple[float, T]:
    begin = time.monotonic()
    result = await work
    return time.monotonic() - begin, result


def _ratios(timed: Sequence[tuple[float, object]], lengths: Sequence[float]) -> list[float]:
    return [took / length for (took, _), length in zip(timed, lengths, strict=True)]


async def main(wanted: Sequence[str]) -> None:
    """Measure what is wanted, or all."""
    parts: dict[str, Callable[[Settings], Awaitable[None]]] = {"engines": engines, "start": starts}
    names = [*parts, "gap", "crowd"]
    if unknown := set(wanted) - set(names):
        sys.exit(f"there is no {', '.join(unknown)}; there are: {', '.join(names)}")
    wanted = wanted or names
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        settings = settings_in(Path(root), ROOT / "knowledge")
        await _prepare(settings)
        for name, measure in parts.items():
            if name in wanted:
                await measure(settings)
        if {"gap", "crowd"} & set(wanted):
            async with _switchboard(settings) as supervisor, _callers(settings) as phones:
                if "gap" in wanted:
                    await gap(settings, phones)
                if "crowd" in wanted:
                    await crowd(settings, phones, supervisor)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
