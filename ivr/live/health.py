"""How ``ivr serve`` is, for the console."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from ivr.live.messages import Health

LONGEST_ERROR = 300
"""Characters of an error that are shown."""


class Doctor(logging.Handler):
    """Remembers the last error that was logged, and says how the process is."""

    def __init__(
        self,
        *,
        asterisk: Callable[[], bool],
        manager: Callable[[], bool],
        outside: Callable[[], bool | None],
        hearing: str,
        calls_at_once: int,
    ) -> None:
        """asterisk, manager: whether ARI and AMI are connected now; outside: whether the provider's
        server answers, None where that is not known; hearing: the model's name.
        """
        super().__init__(logging.ERROR)
        self._asterisk = asterisk
        self._manager = manager
        self._outside = outside
        self._health = Health(
            _version(), datetime.now(UTC), asterisk=False, manager=False, hearing=hearing,
            calls_at_once=calls_at_once,
        )  # fmt: skip
        self._error = ""
        self._error_at: datetime | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Remember an error."""
        try:
            self._error = record.getMessage().splitlines()[0][:LONGEST_ERROR]
        except Exception:  # noqa: BLE001 - a message that cannot be made; logging's own way
            self.handleError(record)
            return
        self._error_at = datetime.fromtimestamp(record.created, UTC)

    def health(self) -> Health:
        """How the process is now."""
        base = self._health
        return Health(
            base.version, base.started_at, self._asterisk(), self._manager(), base.hearing,
            base.calls_at_once, self._error, self._error_at, self._outside(),
        )  # fmt: skip


def _version() -> str:
    try:
        return version("allo-mairie")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return ""
