"""The town's knowledge as its telephone exchange: queues and telephones for Asterisk."""

from __future__ import annotations

from pathlib import Path

from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import PENALTY, PhoneSpec, QueueSpec, render
from ivr.dialogue.prompts import PROMPTS
from ivr.knowledge.base import RECEPTION, Knowledge
from ivr.knowledge.directory import Skill, national
from ivr.knowledge.load import load
from ivr.secrets import load_or_create
from ivr.settings import Settings

_PENALTIES = {Skill.EXPERT: PENALTY - 1, Skill.NORMAL: PENALTY, Skill.BACKUP: PENALTY + 1}


def learn(settings: Settings) -> Knowledge:
    """The knowledge as it is on disk. Raises KnowledgeError with every fault."""
    return load(settings.paths.knowledge, prompts=PROMPTS)


def extensions(knowledge: Knowledge) -> list[str]:
    """The extensions of the operators' telephones."""
    return [operator.extension for operator in knowledge.operators]


def render_asterisk(settings: Settings) -> Path:
    """Write Asterisk's configuration under ``var/``; returns its ``asterisk.conf``.

    Raises KnowledgeError, SettingsError or AsteriskError; nothing is written then.
    """
    knowledge = learn(settings)
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
    secrets = load_or_create(settings.paths.var, extensions(knowledge))
    return render(settings, secrets, queues, phones, find_asterisk(settings))
