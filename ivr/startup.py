"""Start the switchboard: all its processes in the foreground, or one of them for systemd."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn, TextIO

from ivr import exchange, models, processes
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import ARI_APP, TEST_LINE, switchboard_home
from ivr.errors import AsteriskError, IvrError
from ivr.secrets import FILE, load_or_create
from ivr.settings import Settings

GREETINGS = ".greetings-spoken"
"""Beside the clips, so that it goes when they do."""
POLL = 0.2
"""Seconds between two looks whether the switchboard answers."""


def start(settings: Settings) -> None:
    """Run Redis, Asterisk and the switchboard until Ctrl-C, then stop them all.

    All that they need is looked at before the first is started. Answers are rendered meanwhile, so
    that the first calls need not wait for all of them. Raises IvrError.
    """
    var = settings.paths.var
    with processes.only_one(var):
        processes.check(settings)
        models.require_all(settings.paths.models)
        asterisk = find_asterisk(settings)
        rendered = exchange.render_asterisk(settings)
        secrets = load_or_create(var)
        ivr = os.path.join(os.path.dirname(sys.executable), "ivr")
        programs = [
            processes.Program("redis", processes.redis_command(settings, secrets)),
            processes.Program("asterisk", asterisk.command(rendered)),
            processes.Program("switchboard", [ivr, "serve"], stop_seconds=20),
            processes.Program("rehearsal", ["nice", ivr, "rehearse", "--watch"]),
            processes.Program("worker", [ivr, "worker"]),
            processes.Program("console", [ivr, "console"]),
        ]
        conf = processes.prepare(var, programs)
        _speak_greetings(ivr, var / "speech" / GREETINGS)
        stopped = threading.Event()
        look = asterisk.remote(rendered, "ari show apps")
        told = (settings, look, stopped, sys.stdout)
        threading.Thread(target=_tell_ready, args=told, daemon=True).start()
        try:
            processes.supervise(conf)
        finally:
            stopped.set()


def _speak_greetings(ivr: str, spoken: Path) -> None:
    """At the first start, before any call; later ones leave what has changed to the rehearsal.

    In a process of its own: the voice's model would stay in this one's memory.
    """
    if spoken.exists():
        return
    if subprocess.run([ivr, "rehearse", "--prompts"], check=False).returncode:
        raise IvrError("the greetings could not be spoken ahead; the reason is above")
    spoken.parent.mkdir(exist_ok=True)
    spoken.touch()


def redis(settings: Settings) -> NoReturn:
    """Become our Redis. Raises IvrError."""
    _become(processes.redis_command(settings, load_or_create(settings.paths.var)))


def asterisk(settings: Settings) -> NoReturn:
    """Become our Asterisk, with the configuration rendered last. Raises AsteriskError."""
    conf = switchboard_home(settings).conf
    if not conf.is_file():
        raise AsteriskError(f"{conf}: is not there; run: ivr render")
    _become(find_asterisk(settings).command(conf))


def asterisk_found(settings: Settings) -> str:
    """Version and place of the Asterisk that would be run. Raises AsteriskError."""
    found = find_asterisk(settings)
    return f"{'.'.join(map(str, found.version))}, {found.launcher[-1]}"


def _become(command: list[str]) -> NoReturn:
    sys.stdout.flush()
    os.execv(command[0], command)


def _tell_ready(settings: Settings, look: list[str], stopped: threading.Event, to: TextIO) -> None:
    """Say so once ``look`` finds the application among those that Asterisk hands calls to."""
    while not stopped.wait(POLL):
        seen = subprocess.run(look, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if ARI_APP.encode() in seen.stdout:
            print("\n".join(ready(settings)), file=to, flush=True)
            return


def ready(settings: Settings) -> list[str]:
    """What to tell people when the switchboard answers."""
    at = f"{settings.sip.bind}:{settings.sip.port}"
    lines = ["the switchboard answers; Ctrl-C stops it"]
    if settings.trunk.test_line:
        lines += [
            'try it:     ./scripts/ivr call --say "Bonjour, quels sont vos horaires ?"',
            f"softphone:  SIP user {TEST_LINE} at {at}, without registration; dial any number",
        ]
    lines += [
        f"console:    http://{settings.console.bind}:{settings.console.port}",
        f"operators:  SIP users poste-101 and so on at {at}",
        f"passwords:  {settings.paths.var / FILE}",
    ]
    return [f"{'ready':<11} | {line}" for line in lines]
