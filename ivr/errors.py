"""What can go wrong, as one tree of exceptions whose messages are fit for people.

IvrError
├── FaultsFound            a file people edit has faults; carries one Fault per line
│   ├── SettingsError      ivr.toml or an IVR_… variable
│   └── KnowledgeError     a file under knowledge/ or voices/
├── ModelError             a speech model is missing, truncated or of the wrong kind
├── AudioFormatError       a WAV file that is not what is wanted
├── EngineError            a speech engine failed
│   └── Saturated          the inference pool and its queue are full
├── AsteriskError          Asterisk is not there, or refused
│   ├── AriRefused         ARI refused the user or the password
│   └── AmiRefused         AMI did
├── MailError              the mail server is not there, or refused
├── MessageError           a spoken message cannot be written or read
├── CallerGone             the caller has hung up: normal, caught once, in call.py
└── CallLogError           the database cannot be opened or written
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


class IvrError(Exception):
    """Base of all our errors. ``str(error)`` is one message for people, without a stack trace."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault in a file that people edit."""

    file: Path | str
    line: int
    """1-based; 0 when the whole file is meant."""
    where: str
    """The key, entry or field at fault; may be empty."""
    message: str
    """What is wrong and what to do."""
    field: str = field(default="", compare=False)
    """Within the item that ``where`` names: ``skills.ccas``; empty where none is at fault."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return ": ".join(part for part in (place, self.where, self.message) if part)


class FaultsFound(IvrError):
    """One or more faults in files that people edit; nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda f: (str(f.file), f.line, f.where)))
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type[FaultsFound], tuple[tuple[Fault, ...]]]:
        """It may come from another process."""
        return type(self), (self.faults,)


class SettingsError(FaultsFound):
    """``ivr.toml`` or an ``IVR_…`` variable is wrong."""


class KnowledgeError(FaultsFound):
    """A file under ``knowledge/`` or ``voices/`` is wrong."""


class ModelError(IvrError):
    """A speech model is missing, truncated or of the wrong kind."""


class AudioFormatError(IvrError):
    """A sound file is not in a format that can be used."""


class EngineError(IvrError):
    """A speech engine failed on its input."""


class Saturated(EngineError):
    """The inference pool and its queue are full; the caller must not wait in silence."""


class AsteriskError(IvrError):
    """Asterisk is not there, refused, or answered what cannot be understood."""


class AriRefused(AsteriskError):
    """ARI refused our user or password."""


class AmiRefused(AsteriskError):
    """AMI refused our user or password."""


class MailError(IvrError):
    """An e-mail could not be sent."""


class MessageError(IvrError):
    """A spoken message cannot be written or read."""


class CallerGone(IvrError):
    """The caller has hung up, or the channel no longer exists. Normal, not a failure."""


class CallLogError(IvrError):
    """The call log cannot be opened or written."""


class CallbackError(IvrError):
    """What a person asks of a callback cannot be done; the message, in French, says why."""
