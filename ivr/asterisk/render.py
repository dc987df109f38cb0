"""Renders the switchboard's Asterisk configuration from settings, secrets and knowledge."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ivr.asterisk.configuration import (
    DIALPLANS,
    TEMPLATES,
    Home,
    Secret,
    expand,
    home_in,
    install,
    why_unsafe,
)
from ivr.asterisk.program import AsteriskProgram
from ivr.errors import Fault, FaultsFound
from ivr.settings import Settings

ARI_APP = "allo-mairie"
"""Name of the application in ``Stasis()`` and on the ARI event socket."""
ARI_USER = "allo-mairie"
AMI_USER = "allo-mairie"
INBOUND = "inbound"
"""Context that takes calls from outside."""
OPERATORS = "operators"
"""Context to ``continue`` in, with a queue's id as extension, priority 1."""
RECEPTION = "accueil"
"""The queue that takes every call nobody else takes."""
TEST_LINE = "test-line"
"""SIP user of ``ivr call``."""

ABSENT = "absent"
"""The pause of an operator who has signed out."""
PAUSES = {
    "*2": ABSENT,
    "*31": "repas",
    "*32": "pause",
    "*33": "réunion",
    "*34": "formation",
    "*35": "suivi d'appel",
}
"""What operators key to be given no calls, and why; ``*1`` ends it."""

DUTY_SOUND = "service-"
"""Of the sounds that confirm a code; the code's digits follow."""

WATCHDOG_MARGIN = 60
"""Seconds after ``calls.longest`` at which Asterisk takes a call back from a hung application."""
QUEUE_WAIT = 90
"""Seconds in one queue before the call goes on."""
QUEUE_PATIENCE = 300
"""The same for a caller who was told that all operators are busy, and how long it takes."""
QUEUE_KEYS = "queue-keys"
"""Context of the keys that callers press while they wait."""
CALLBACK = "callback"
"""Name of the sound that asks an operator to make a callback."""
OFFER = "offre"
"""Name of the sound that is played to waiting callers now and then."""
OFFER_EVERY = 40
"""Seconds between two of them."""
ROUNDS = 3
"""Times that a call is put back into the reception's queue while the application is away."""
WRAP_UP = "WrapUp"
"""Event of our dialplan: an operator writes up a call, for so many seconds; 0: no longer."""
WRAP_UP_DEVICE = "Custom:wrap-up-"
"""Device, an extension following, that is in use meanwhile."""
PAUSE = 15
"""Seconds of music between two such rounds."""
VISITS = 12
"""Stays in queues after which a call is taken to go in circles and is ended politely."""

PENALTY = 1
"""Of a telephone in a queue, unless it is rung before or after the others."""

MARK = "IVR_EXCHANGE"
"""Dialplan variable that tells from which telephones and queues the configuration was made."""

_QUEUE_ID = re.compile(r"[a-z][a-z0-9-]{1,39}")
_EXTENSION = re.compile(r"[1-9][0-9]{1,4}")
_OUTSIDE = re.compile(r"0[1-9][0-9]{8}")
_EMERGENCY = frozenset({"15", "17", "18", "112", "114", "115", "119", "191", "196"})


@dataclass(frozen=True)
class QueueSpec:
    """One department's queue."""

    id: str
    """Lower-case letters, digits and hyphens; Asterisk's name of the queue."""
    name: str
    """As operators read it: ``État civil``."""
    overflow: str | None = None
    """Id of the queue that takes over when nobody answers."""
    extension: str | None = None
    """To which operators transfer calls for this queue; None: they cannot."""
    outside: str | None = None
    """The one number outside that operators may transfer calls to, ten digits; None: none."""


@dataclass(frozen=True)
class PhoneSpec:
    """One operator's telephone."""

    extension: str
    """Two to five digits."""
    name: str
    """The operator's name."""
    queues: tuple[str, ...] = ()
    """Ids of the queues it serves."""
    penalties: Mapping[str, int] = field(default_factory=dict)
    """By queue: those of a lower penalty are rung first; ``PENALTY`` where none is written."""


class TelephoneSecrets(Protocol):
    """The generated passwords that the configuration needs."""

    @property
    def ari(self) -> str: ...
    @property
    def ami(self) -> str: ...
    @property
    def test_line(self) -> str: ...
    @property
    def phones(self) -> Mapping[str, str]:
        """By extension."""


@dataclass(frozen=True)
class Phone:
    """A telephone as the templates see it."""

    extension: str
    name: str
    queues: tuple[str, ...]
    password: Secret
    penalties: Mapping[str, int] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Its SIP user: never the form of a caller's number."""
        return f"poste-{self.extension}"


def switchboard_home(settings: Settings) -> Home:
    """Where the switchboard's Asterisk keeps its files. Raises AsteriskError."""
    return home_in(settings.paths.var / "asterisk")


def mark(queues: Sequence[QueueSpec], phones: Sequence[PhoneSpec], wrap_up: int = 0) -> str:
    """What these telephones and queues are known by: others have another one."""
    made_from = repr((list(queues), list(phones), wrap_up))
    return hashlib.sha256(made_from.encode()).hexdigest()[:16]


def render(
    settings: Settings,
    secrets: TelephoneSecrets,
    queues: Sequence[QueueSpec],
    phones: Sequence[PhoneSpec],
    program: AsteriskProgram,
    wrap_up: int = 0,
) -> Path:
    """Write the whole configuration under ``var/asterisk``; returns its ``asterisk.conf``.

    wrap_up: seconds after a call in which an operator is not given the next one.
    Raises FaultsFound naming file and field for every value that cannot go into a configuration
    file, before anything is written; AsteriskError when the disk refuses.
    """
    home = switchboard_home(settings)
    faults = [
        *_queue_faults(queues),
        *_phone_faults(phones, {queue.id for queue in queues}),
        *_secret_faults(settings, secrets, phones),
        *_path_faults(home, program, settings),
    ]
    if faults:
        raise FaultsFound(faults)
    context = _context(settings, secrets, queues, phones)
    context |= {"home": home, "program": program, "system_name": ARI_APP}
    context |= {"marked": mark(queues, phones, wrap_up), "wrap_up": wrap_up}
    context["queue_runs_macros"] = program.version[0] < 21  # and has a parameter for it
    return install(home, program, expand([TEMPLATES, DIALPLANS], context))


def _context(
    settings: Settings,
    secrets: TelephoneSecrets,
    queues: Sequence[QueueSpec],
    phones: Sequence[PhoneSpec],
) -> dict[str, Any]:
    return {
        "app": ARI_APP,
        "ari_user": ARI_USER,
        "ari_password": Secret(secrets.ari),
        "ami_user": AMI_USER,
        "ami_password": Secret(secrets.ami),
        "ami_port": settings.asterisk.ami_port,
        "http_port": settings.asterisk.http_port,
        "http_sessions": 2 * settings.calls.at_once + 100,
        "rtp_start": settings.sip.rtp_start,
        "rtp_end": settings.sip.rtp_end,
        "sip": settings.sip,
        "trunk": settings.trunk,
        "trunk_user": settings.trunk.username.partition("@")[0],
        "trunk_host": settings.trunk.host.partition(":")[0],
        "trunk_password": Secret(settings.trunk.password.get_secret_value()),
        "can_dial_out": settings.trunk.can_dial_out,
        "test_line_password": Secret(secrets.test_line),
        "queues": queues,
        "phones": [
            Phone(p.extension, p.name, p.queues, Secret(secrets.phones[p.extension]), p.penalties)
            for p in phones
        ],
        "mark": MARK,
        "reception": RECEPTION,
        "longest": int(settings.calls.longest) + WATCHDOG_MARGIN,
        "wait": QUEUE_WAIT,
        "patience": QUEUE_PATIENCE,
        "sounds": str(settings.sounds),
        "callback_sound": CALLBACK,
        "queue_keys": QUEUE_KEYS,
        "offer": OFFER,
        "offer_every": OFFER_EVERY,
        "rounds": ROUNDS,
        "pause": PAUSE,
        "wrap_up_event": WRAP_UP,
        "wrap_up_device": WRAP_UP_DEVICE,
        "citizen_rings": settings.callbacks.citizen_rings,
        "pauses": PAUSES,
        "duty_sound": DUTY_SOUND,
        "penalty": PENALTY,
        "visits": VISITS,
    }


def _queue_faults(queues: Sequence[QueueSpec]) -> list[Fault]:
    def fault(where: str, message: str) -> Fault:
        return Fault("departments.yaml", 0, where, message)

    by_id = {queue.id: queue for queue in queues}
    faults = []
    if RECEPTION not in by_id:
        faults.append(fault(RECEPTION, "this department is needed: it takes every call in the end"))
    for identity, times in Counter(queue.id for queue in queues).items():
        if times > 1:
            faults.append(fault(identity, "stands there twice"))
    for queue in queues:
        if not _QUEUE_ID.fullmatch(queue.id):
            faults.append(
                fault(queue.id, "an id is 2 to 40 lower-case letters, digits and hyphens")
            )
        if why := why_unsafe(queue.name) or _empty(queue.name):
            faults.append(fault(f"{queue.id}.name", why))
        if queue.overflow is not None and queue.overflow not in by_id:
            faults.append(fault(f"{queue.id}.overflow", f"there is no queue {queue.overflow!r}"))
        if queue.extension and not re.fullmatch(r"[0-9]{2,6}", queue.extension):
            faults.append(fault(f"{queue.id}.extension", "an extension is 2 to 6 digits"))
        if queue.outside is not None and not _OUTSIDE.fullmatch(queue.outside):
            faults.append(fault(f"{queue.id}.outside", "a number outside is ten digits from 0"))
        if queue.overflow == queue.id:
            faults.append(fault(f"{queue.id}.overflow", "a queue cannot overflow into itself"))
    return faults


def _phone_faults(phones: Sequence[PhoneSpec], queues: set[str]) -> list[Fault]:
    def fault(where: str, message: str) -> Fault:
        return Fault("operators.yaml", 0, where, message)

    faults = []
    for extension, times in Counter(phone.extension for phone in phones).items():
        if times > 1:
            faults.append(fault(extension, f"{times} operators have this extension"))
        if not _EXTENSION.fullmatch(extension):
            faults.append(fault(extension, "an extension is 2 to 5 digits, the first not 0"))
        elif extension in _EMERGENCY:
            faults.append(fault(extension, "is an emergency number; choose another extension"))
    for phone in phones:
        why = why_unsafe(phone.name) or _empty(phone.name)
        if why is None and "," in phone.name:
            why = "must not contain ','"
        if why:
            faults.append(fault(f"{phone.extension}.name", why))
        for queue in phone.queues:
            if queue not in queues:
                faults.append(fault(f"{phone.extension}.queues", f"there is no queue {queue!r}"))
    return faults


def _secret_faults(
    settings: Settings, secrets: TelephoneSecrets, phones: Sequence[PhoneSpec]
) -> list[Fault]:
    file = settings.paths.var / "secrets.toml"
    wanted = {"ari": secrets.ari, "ami": secrets.ami, "test_line": secrets.test_line}
    for phone in phones:
        wanted[f"phones.{phone.extension}"] = secrets.phones.get(phone.extension, "")
    faults = [
        Fault(file, 0, where, why)
        for where, value in wanted.items()
        if (why := why_unsafe(Secret(value)) or _empty(value))
    ]
    password = Secret(settings.trunk.password.get_secret_value())
    if why := why_unsafe(password):
        faults.append(Fault("IVR_TRUNK_PASSWORD", 0, "", why))
    if settings.trunk.mode == "registration" and not password:
        faults.append(Fault("IVR_TRUNK_PASSWORD", 0, "", "mode 'registration' needs a password"))
    return faults


def _path_faults(home: Home, program: AsteriskProgram, settings: Settings) -> list[Fault]:
    sounds = settings.sounds
    faults = [
        Fault(path, 0, "", f"the folder's name {why}")
        for path in (home.root, home.run, program.modules, program.data, sounds)
        if (why := why_unsafe(str(path)))
    ]
    for path in (home.db, sounds):
        if found := re.search(r"[,&()]", str(path)):  # they separate arguments in a dialplan
            faults.append(Fault(path, 0, "", f"the folder's name must not contain {found[0]!r}"))
    return faults


def _empty(value: str) -> str | None:
    return None if value.strip() else "is missing"
