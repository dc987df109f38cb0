"""Progress of long steps for people: a bar on a terminal, a line at every quarter elsewhere."""

from __future__ import annotations

import sys
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class Bars:
    """Shows bytes done of bytes in all, one thing after the other; call it with each advance."""

    def __init__(self, to: TextIO = sys.stdout) -> None:
        """Print to ``to``; bars are drawn only if that is a terminal."""
        self._console = Console(file=to, highlight=False, soft_wrap=True)
        self._live: Progress | None = None
        self._what = ""
        self._quarter = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes; a ``total`` of 0 announces a step of unknown length."""
        if what != self._what:
            self.close()
            self._what, self._quarter = what, 0
        if not total:
            self._console.print(f"  {what}", markup=False)
        elif self._console.is_terminal:
            self._bar(what, done, total)
        elif done * 4 // total > self._quarter:
            self._quarter = done * 4 // total
            self._console.print(f"  {what}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", markup=False)
        if total and done >= total:
            self.close()

    def close(self) -> None:
        """Leave the bar as it is; what comes next starts a new one."""
        if self._live:
            self._live.stop()
        self._live, self._what = None, ""

    def _bar(self, what: str, done: int, total: int) -> None:
        if not self._live:
            columns = (TextColumn("  {task.description}"), BarColumn(), DownloadColumn())
            self._live = Progress(*columns, TimeRemainingColumn(), console=self._console)
            self._live.start()
            self._live.add_task(what, total=total)
        self._live.update(self._live.task_ids[0], completed=done)


class Counter:
    """Shows how many of a number of things are done; call it with both. A context manager."""

    def __init__(self, what: str, to: TextIO = sys.stdout) -> None:
        """Print to ``to``: a bar on a terminal, a line at every tenth elsewhere."""
        self._what = what
        self._console = Console(file=to, highlight=False, soft_wrap=True)
        self._live = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._live.add_task(what, total=None)
        self._tenth = -1

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total``."""
        self._live.update(self._task, completed=done, total=total)
        tenth = done * 10 // total if total else 10
        if self._live.disable is False or tenth == self._tenth:
            return
        self._tenth = tenth
        self._console.print(f"  {self._what}: {done} of {total}", markup=False)
