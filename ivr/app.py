"""The composition root: settings and knowledge become parts, and the parts a switchboard."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr import exchange, simulate
from ivr.asterisk.ami import Ami, AmiAddress
from ivr.asterisk.ari import Ari, AriAddress
from ivr.asterisk.calls import Calls
from ivr.asterisk.outside import OutsideLine
from ivr.asterisk.render import AMI_USER, ARI_APP, ARI_USER
from ivr.call import Mind, Parts, handle
from ivr.callbacks.dialler import Dialler, settle_at_once
from ivr.callbacks.jobs import RqJobs, dialler_of
from ivr.callbacks.policy import policy
from ivr.callbacks.schedule import Callbacks
from ivr.calllog.database import Database
from ivr.calllog.log import CallLog
from ivr.dialogue import rehearsal
from ivr.dialogue.machine import Dialogue
from ivr.dialogue.prompts import PROMPTS
from ivr.dialogue.talk import Talk
from ivr.errors import AmiRefused, Fault, FaultsFound
from ivr.knowledge.base import Knowledge
from ivr.knowledge.check import advice as knowledge_advice
from ivr.knowledge.check import check as check_knowledge
from ivr.knowledge.store import Store
from ivr.live.board import Board
from ivr.live.health import Doctor
from ivr.live.line import connect
from ivr.live.orders import Orders
from ivr.live.people import people_now
from ivr.live.switch import Switch
from ivr.live.teller import Teller
from ivr.messages.box import MessageBox
from ivr.messages.transcriber import transcribe_messages
from ivr.nlu.advice import strays
from ivr.nlu.match import Context, Match
from ivr.nlu.matcher import Matcher
from ivr.operators.presence import Presence, follow
from ivr.operators.shifts import keep_shifts
from ivr.progress import Counter
from ivr.retention.daily import purge_daily
from ivr.retention.numbers import Pseudonyms
from ivr.retention.purge import Purger
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Settings
from ivr.speech.engines import load_recogniser
from ivr.speech.listener import Listener
from ivr.speech.prompts import SpeechCache, Voice
from ivr.speech.recogniser import Recogniser
from ivr.speech.voices import follow_voice, load_voices, open_speech
from ivr.testcaller import place
from ivr.testcaller.people import people
from ivr.waiting.desk import OperatorsDesk
from ivr.waiting.missed import MissedCalls
from ivr.waiting.record import Recorder
from ivr.waiting.sounds import Sounds
from ivr.waiting.stays import Stays

log = logging.getLogger(__name__)

REFUSED_S = 30.0
"""Seconds until Asterisk is asked again which has refused us."""
HUNG_S = 20.0
"""Seconds after which an event loop that stands still is taken to hang."""


async def serve(settings: Settings) -> None:
    """Answer calls until cancelled; raises IvrError for what no restart would cure."""
    store = Store(settings.paths.knowledge, prompts=PROMPTS, kept=settings.kept_knowledge)
    secrets = load_or_create(settings.paths.var, exchange.extensions(store.current))
    address = AriAddress("127.0.0.1", settings.asterisk.http_port, ARI_USER, secrets.ari)
    async with (
        speaking(settings) as speech,
        parts(settings, store.current, speech) as shared,
        Ari(address, ARI_APP) as ari,
    ):
        shared.observer = board = Board()
        calls = Calls(ari, partial(handle, parts=shared), at_once=settings.calls.at_once)
        ami = Ami(AmiAddress("127.0.0.1", settings.asterisk.ami_port, AMI_USER, secrets.ami))
        telephones = exchange.Exchange(settings, ami, store.current)
        known = store.current
        presence = Presence(known.operators, _utc_now, known.wrap_up)
        presence.subscribe(lambda: board.people(people_now(presence), _utc_now()))
        outside = OutsideLine(ami.variable)
        orders = Orders(board, Switch(ari, ami, lambda: store.current, presence))
        doctor = Doctor(
            asterisk=lambda: ari.listening,
            manager=lambda: presence.known,
            outside=lambda: outside.answers,
            hearing=shared.hearing,
            calls_at_once=settings.calls.at_once,
        )
        logging.getLogger().addHandler(doctor)
        sounds = Sounds(settings.sounds, speech)

        def speak_with(voice: Voice) -> None:
            speech.use(voice)
            sounds.renew()

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(show_life())
                tasks.create_task(calls.serve())
                tasks.create_task(follow_people(presence, ami))
                tasks.create_task(follow_queues(settings, shared, presence, ami, sounds, store))
                tasks.create_task(sounds.keep(store.current, calls.quiet))
                tasks.create_task(follow_voice(settings, speak_with))
                tasks.create_task(keep_shifts(ami, lambda: store.current, _utc_now))
                if settings.trunk.can_dial_out:
                    tasks.create_task(outside.watch())
                tasks.create_task(tell(settings, secrets, board, orders, doctor))
                tasks.create_task(telephones.run())
                renew = partial(_renew, shared, presence, sounds, telephones, settings)
                tasks.create_task(store.watch(renew))
                tasks.create_task(purge(settings, secrets.pseudonyms, store.current.hours.zone))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # as it is, for whoever tells it to people
        finally:
            faulthandler.cancel_dump_traceback_later()  # see show_life: all tasks have ended
            logging.getLogger().removeHandler(doctor)


async def follow_people(presence: Presence, ami: Ami) -> None:
    """Know what the operators do. Calls go on without: they go to the queue, whoever is there."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_be_told(ami))
        tasks.create_task(follow(presence, ami))


async def _be_told(ami: Ami) -> None:
    """Keep AMI connected for ever, also when Asterisk must first learn our password."""
    while True:
        try:
            await ami.run()
        except AmiRefused as refused:
            log.error("what the operators do is not known: %s", refused)
        await asyncio.sleep(REFUSED_S)


async def follow_queues(
    settings: Settings, shared: Parts, presence: Presence, ami: Ami, sounds: Sounds, store: Store
) -> None:
    """Write down who waits and how it ends, and know the places of those who come back; and how
    callbacks end.

    On a connection to the database that no call waits for.
    """
    database = await asyncio.to_thread(Database, settings.database_url)
    stays = Stays(_utc_now)
    recorder = Recorder(database, stays, ami, _utc_now)
    shared.desk = OperatorsDesk(presence.queues, stays, sounds)
    recorder.subscribe(lambda over: sounds.forget(over.call_id))
    recorder.subscribe(lambda over: shared.forget(over.call_id))

    def dialler() -> Dialler:
        return dialler_of(settings, store.current, ami, database)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(recorder.run())
            tasks.create_task(settle_at_once(ami, dialler))
            if settings.callbacks.missed:
                kinds = settings.callbacks.model_dump(include={"foreign", "premium"})
                allowed = frozenset(kind for kind, yes in kinds.items() if yes)
                missed = MissedCalls(
                    database, shared.callbacks, lambda: store.current.own_numbers, _utc_now, allowed
                )
                tasks.create_task(missed.run())
    finally:
        await sounds.close()
        await database.close()


async def tell(
    settings: Settings, secrets: Secrets, board: Board, orders: Orders, doctor: Doctor
) -> None:
    """Tell the console what happens, and take its orders. No call depends on it."""
    async with connect(settings, secrets) as redis:
        await Teller(redis, board, orders, doctor.health).run()


async def purge(settings: Settings, key: str, zone: ZoneInfo) -> None:
    """Remove each day what was kept long enough, on a connection that no call waits for."""
    database = await asyncio.to_thread(Database, settings.database_url)
    days, sounds = settings.retention, settings.messages_folder
    try:
        purger = Purger(database, days, Pseudonyms(key), sounds)
        await purge_daily(purger, lambda: datetime.now(UTC), days.hour, zone)
    finally:
        await database.close()


async def show_life(hung_s: float = HUNG_S) -> None:
    """End this process when its event loop stands still, or does not end when told; tell where.

    Asterisk would go on handing calls to it; without it, callers go on to the operators, and the
    supervisor starts it again. Whoever cancels this has so long to end, or to call
    ``faulthandler.cancel_dump_traceback_later``.
    """
    while True:
        faulthandler.dump_traceback_later(hung_s, exit=True)
        await asyncio.sleep(hung_s / 10)


@asynccontextmanager
async def speaking(settings: Settings) -> AsyncIterator[SpeechCache]:
    """The configured voice."""
    speech = open_speech(settings)
    try:
        yield speech
    finally:
        await speech.close()


@asynccontextmanager
async def parts(
    settings: Settings, knowledge: Knowledge, speech: SpeechCache
) -> AsyncIterator[Parts]:
    """What all calls share, loaded and closed again. Raises IvrError."""
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(Database, settings.database_url)
        stack.push_async_callback(database.close)
        calllog = CallLog(database)
        if interrupted := await calllog.close_interrupted():
            log.warning("%d calls were interrupted by the last stop", interrupted)
        recogniser, mind = await asyncio.gather(
            asyncio.to_thread(load_recogniser, settings),
            asyncio.to_thread(think, knowledge, settings),
        )
        stack.push_async_callback(recogniser.close)
        log.info("hearing: %s", recogniser.name)
        callbacks = Callbacks(database, RqJobs(settings), policy(settings, knowledge))
        box = MessageBox(database, callbacks, settings.messages_folder, settings.messages, _utc_now)
        await stack.enter_async_context(_messages(box, recogniser, settings))
        yield Parts(
            mind=mind,
            speech=speech,
            listener=partial(Listener, recogniser, settings.hearing),
            calllog=calllog,
            callbacks=callbacks,
            messages=box if settings.messages.offered else None,
            now=_utc_now,
            hearing=recogniser.name,
            longest_s=settings.calls.longest,
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def _messages(
    box: MessageBox, recogniser: Recogniser, settings: Settings
) -> AsyncIterator[None]:
    """Keep what killed calls had recorded, and transcribe messages meanwhile."""
    if recovered := await box.recover():
        log.warning("%d messages of interrupted calls are kept", recovered)
    transcribing = asyncio.create_task(transcribe_messages(box, recogniser, settings.hearing))
    try:
        yield
    finally:
        transcribing.cancel()
        await asyncio.wait([transcribing])


@dataclass(frozen=True)
class _Understanding:
    """The matcher off the event loop, with the entries that are valid on the day."""

    matcher: Matcher
    knowledge: Knowledge

    async def __call__(self, text: str, context: Context, at: datetime) -> Match:
        day = self.knowledge.hours.local(at).date()
        return await asyncio.to_thread(self.matcher.match, text, context, day)


def check(settings: Settings) -> list[Fault]:
    """Every fault of the knowledge and the voices."""
    faults: list[Fault] = []
    try:
        faults += check_knowledge(exchange.learn(settings))
    except FaultsFound as error:
        faults += error.faults
    try:
        load_voices(settings)
    except FaultsFound as error:
        faults += error.faults
    return faults


def advice(settings: Settings) -> list[Fault]:
    """What is no fault, and would help callers to be understood. Raises KnowledgeError."""
    knowledge = exchange.learn(settings)
    found = strays(matcher(knowledge, settings), knowledge)
    return sorted([*knowledge_advice(knowledge), *found])


def think(knowledge: Knowledge, settings: Settings) -> Mind:
    """The dialogue and the matcher of one version of the knowledge; takes seconds."""
    wanted = settings.callbacks
    kinds = {"foreign": wanted.foreign, "premium": wanted.premium}
    talk = Talk(knowledge, frozenset(kind for kind, allowed in kinds.items() if allowed))
    dialogue = Dialogue(
        talk, satisfaction=settings.calls.satisfaction, messages=settings.messages.offered
    )
    return Mind(dialogue, _Understanding(matcher(knowledge, settings), knowledge))


def matcher(knowledge: Knowledge, settings: Settings) -> Matcher:
    """The matcher, trained or taken from its cache; takes seconds."""
    return Matcher.load(knowledge, settings.paths.var / "matcher")


async def _renew(
    shared: Parts, presence: Presence, sounds: Sounds, telephones: exchange.Exchange,
    settings: Settings, knowledge: Knowledge,
) -> None:  # fmt: skip
    """New calls go by the new knowledge; those that are going on keep what they began with."""
    mind = await asyncio.to_thread(think, knowledge, settings)
    await telephones.take(knowledge)
    await rehearsal.announcements(shared.speech, knowledge, _utc_now())
    shared.mind = mind
    presence.renew(knowledge.operators, knowledge.wrap_up)
    sounds.renew(knowledge)
    log.info("the new knowledge is in use")


# --- speech and conversations apart from calls ----------------------------------------------------


async def rehearse(settings: Settings, *, prompts_only: bool = False, watch: bool = False) -> None:
    """Speak ahead what calls will need, saying how far it is; with ``watch``, for ever."""
    store = Store(settings.paths.knowledge, prompts=PROMPTS)
    wanted = rehearsal.prompts if prompts_only else rehearsal.lines

    async def speak(knowledge: Knowledge) -> None:
        async with speaking(settings) as speech:  # its model takes half a gigabyte: not for days
            with Counter("speaking ahead") as counter:
                await speech.render(wanted(knowledge), counter)
            if not prompts_only:  # what was edited away
                await asyncio.to_thread(speech.prune, wanted(knowledge))

    if not watch:
        await speak(store.current)
        return
    knowledge = store.current
    try:
        async with asyncio.TaskGroup() as tasks:
            under_way = tasks.create_task(speak(knowledge))

            def anew(version: Knowledge) -> None:
                nonlocal knowledge, under_way
                knowledge = version
                under_way.cancel()  # what it has spoken is kept
                under_way = tasks.create_task(speak(knowledge))

            tasks.create_task(store.watch(anew))
            tasks.create_task(follow_voice(settings, lambda _voice: anew(knowledge)))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # as it is, for whoever tells it to people


async def place_call(settings: Settings, says: Sequence[str]) -> place.Conversation:
    """Place a real call to the running switchboard. Raises AsteriskError when it is not there."""
    secrets = load_or_create(settings.paths.var)
    async with people(settings) as (speak, transcribe):
        return await place.place_call(settings, secrets, says, speak, transcribe)


async def play(settings: Settings, path: Path) -> bool:
    """Play a scripted conversation, printing it; whether all went as expected."""
    script = simulate.read_script(path)
    mind = await asyncio.to_thread(think, exchange.learn(settings), settings)
    faults = 0
    async for line in simulate.run(script, mind):
        faults += isinstance(line, Fault)
        print(line)
    return not faults


async def converse(settings: Settings) -> bool:
    """Hold a conversation at the terminal until either side hangs up; always True."""
    mind = await asyncio.to_thread(think, exchange.learn(settings), settings)
    async for line in simulate.typed(mind, datetime.now(UTC)):
        print(line)
    return True
