"""The town's knowledge as its telephone exchange: queues and telephones for Asterisk."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from ivr.asterisk.ami import Ami
from ivr.asterisk.ami_events import AmiEvent, Connected
from ivr.asterisk.process import take_up
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import MARK, PENALTY, PhoneSpec, QueueSpec, mark, render, switchboard_home
from ivr.dialogue.prompts import PROMPTS
from ivr.errors import AsteriskError, FaultsFound
from ivr.knowledge.base import RECEPTION, Knowledge
from ivr.knowledge.directory import Skill, national
from ivr.knowledge.load import load
from ivr.knowledge.store import last_good
from ivr.secrets import load_or_create
from ivr.settings import Settings

log = logging.getLogger(__name__)

LOOK_S = 60.0
"""Seconds between two looks at what Asterisk has."""
TAKE_UP_LIMIT = 30.0
"""Seconds in which it must have taken up a new version."""
POLL_S = 0.5
"""Seconds between two questions meanwhile."""

_PENALTIES = {Skill.EXPERT: PENALTY - 1, Skill.NORMAL: PENALTY, Skill.BACKUP: PENALTY + 1}


def learn(settings: Settings) -> Knowledge:
    """The knowledge as it is on disk. Raises KnowledgeError with every fault."""
    return load(settings.paths.knowledge, prompts=PROMPTS)


def usable(settings: Settings) -> Knowledge:
    """The knowledge that calls are answered by: where the files are broken, the last good version.

    Raises KnowledgeError when there is none.
    """
    return last_good(settings.paths.knowledge, settings.kept_knowledge)


def extensions(knowledge: Knowledge) -> list[str]:
    """The extensions of the operators' telephones."""
    return [operator.extension for operator in knowledge.operators]


def plan(knowledge: Knowledge) -> tuple[list[QueueSpec], list[PhoneSpec]]:
    """What Asterisk has of the knowledge: the departments' queues, the operators' telephones."""
    queues = [
        QueueSpec(
            one.id,
            one.name,
            None if one.id == RECEPTION else one.overflow or RECEPTION,
            one.extension,
            national(one.outside) if one.outside else None,
        )
        for one in knowledge.departments.values()
    ]
    phones = [
        PhoneSpec(
            one.extension,
            one.name,
            one.departments,
            {department: _PENALTIES[skill] for department, skill in one.skills.items()},
        )
        for one in knowledge.operators
    ]
    return queues, phones


def render_asterisk(settings: Settings, knowledge: Knowledge | None = None) -> Path:
    """Write Asterisk's configuration under ``var/``; returns its ``asterisk.conf``.

    knowledge: default: the usable one. Raises KnowledgeError, SettingsError or AsteriskError;
    nothing is written then.
    """
    known = usable(settings) if knowledge is None else knowledge
    secrets = load_or_create(settings.paths.var, extensions(known))
    return render(settings, secrets, *plan(known), find_asterisk(settings), known.wrap_up)


async def renew(settings: Settings, knowledge: Knowledge | None = None) -> bool:
    """Write the configuration, and have Asterisk take up telephones, queues and dialplan.

    Calls in progress are not touched. False when no Asterisk runs on this ``var/``: it reads what
    was written when it starts. Raises what ``render_asterisk`` raises, and AsteriskError when
    Asterisk does not obey.
    """
    await asyncio.to_thread(render_asterisk, settings, knowledge)
    return await take_up(find_asterisk(settings), switchboard_home(settings))


class Exchange:
    """Asterisk's telephones and queues, kept as the knowledge has them while calls go on."""

    def __init__(self, settings: Settings, client: Ami, knowledge: Knowledge) -> None:
        self._settings = settings
        self._client = client
        self._knowledge = knowledge
        self._news = asyncio.Event()
        self._said = ""
        client.subscribe(self._took)

    async def take(self, knowledge: Knowledge) -> None:
        """Use another version of the knowledge.

        Raises FaultsFound when Asterisk could not use it: then the version before stays.
        """
        try:
            await asyncio.to_thread(render_asterisk, self._settings, knowledge)
        except AsteriskError as error:
            log.error("the telephones and queues are not renewed: %s", error)
        self._knowledge = knowledge
        self._news.set()

    async def run(self) -> None:
        """Have Asterisk take up each version, for ever; logs when it does and when it does not.

        An Asterisk that runs as another user renders for itself, told by the files written here
        (``allo-mairie-telephones.path``): what it has taken up is asked, not assumed.
        """
        while True:
            await self._client.connected.wait()
            self._news.clear()
            try:
                await self._bring_up()
                self._said = ""
            except (AsteriskError, FaultsFound) as error:
                if str(error) != self._said:
                    log.error("Asterisk has other telephones and queues than the files: %s", error)
                self._said = str(error)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _bring_up(self) -> None:
        wanted = mark(*plan(self._knowledge), self._knowledge.wrap_up)
        if await self._client.variable(MARK) == wanted:
            return
        ours = await renew(self._settings, self._knowledge)
        try:
            async with asyncio.timeout(TAKE_UP_LIMIT):
                while await self._client.variable(MARK) != wanted:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            what = "ivr render --reload" if ours else "systemctl start allo-mairie-telephones"
            raise AsteriskError(f"it has not taken them up; try: {what}") from error
        log.info("Asterisk has taken up %d telephones", len(self._knowledge.operators))

    def _took(self, event: AmiEvent) -> None:
        if isinstance(event, Connected):
            self._news.set()
