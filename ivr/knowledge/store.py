"""The knowledge in use: an edit goes live within two seconds, a broken one changes nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
import shutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

from ivr.errors import Fault, FaultsFound, KnowledgeError
from ivr.knowledge.base import Knowledge
from ivr.knowledge.load import load, sources
from ivr.knowledge.together import put_back
from ivr.watched import INTERVAL, State, Watched, states

log = logging.getLogger(__name__)

Changed = Callable[[Knowledge], Awaitable[None] | None]
"""Makes what depends on the knowledge ready for a new version."""


class Store:
    """Holds the last good version of the knowledge files under a folder."""

    def __init__(
        self,
        root: Path,
        *,
        prompts: Mapping[str, Collection[str]] | None = None,
        kept: Path | None = None,
    ) -> None:
        """Load the files; ``prompts`` as for ``load``.

        kept: a folder where a copy of the last good version is kept, for a start on broken files.
        Raises KnowledgeError when the files are broken and there is no such copy.
        """
        self._root = root
        self._prompts = prompts
        self._kept = kept
        put_back(root)
        self._files = Watched(lambda: state(root))
        self._faults: tuple[Fault, ...] = ()
        self._current = self._first_version()

    @property
    def current(self) -> Knowledge:
        """The last good version."""
        return self._current

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What keeps the files as they are now from being used; empty when they are in use."""
        return self._faults

    def _first_version(self) -> Knowledge:
        try:
            version = load(self._root, prompts=self._prompts)
        except KnowledgeError as error:
            if self._kept is None or not self._kept.is_dir():
                raise
            self._refuse(error)
            return load(self._kept, prompts=self._prompts)
        self._keep()
        return version

    async def watch(self, changed: Changed) -> None:
        """Follow the files for ever.

        ``changed`` is called with each new version before it becomes current. Should it raise
        FaultsFound, the version is not used.
        """
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look(changed)

    async def look(self, changed: Changed) -> bool:
        """Look at the files once, as ``Watched``; whether a new version has become current."""
        if not self._files.changed():
            return False
        try:
            version = await asyncio.to_thread(load, self._root, prompts=self._prompts)
            if inspect.isawaitable(result := changed(version)):
                await result
        except FaultsFound as error:
            self._refuse(error)
            return False
        await asyncio.to_thread(self._keep)
        self._faults = ()
        self._current = version
        log.info("%s: nouvelle version en service", self._root)
        return True

    def _refuse(self, error: FaultsFound) -> None:
        self._faults = error.faults
        log.error("%s: fautes, les connaissances d'avant restent en service :", self._root)
        for fault in error.faults:
            log.error("%s", fault)

    def _keep(self) -> None:
        """Copy the good files aside: whole or not at all."""
        if self._kept is None:
            return
        new, old = self._kept.with_suffix(".new"), self._kept.with_suffix(".old")
        try:
            shutil.rmtree(new, ignore_errors=True)
            shutil.copytree(self._root, new)
            if self._kept.is_dir():
                shutil.rmtree(old, ignore_errors=True)
                self._kept.rename(old)
            new.rename(self._kept)
        except OSError as error:  # shutil.Error is one
            log.warning("%s: no copy of this version is kept: %s", self._root, error)


def last_good(root: Path, kept: Path) -> Knowledge:
    """The knowledge under ``root``; where that is broken, the copy that a ``Store`` keeps.

    Raises KnowledgeError when there is no such copy.
    """
    try:
        return load(root)
    except KnowledgeError as error:
        if not kept.is_dir():
            raise
        log.warning("%s has faults (ivr check): the last good version is used", root)
        log.debug("%s", error)
        return load(kept)


def state(root: Path) -> dict[Path, State]:
    """Of every file of the knowledge under a folder."""
    return states(sources(root))
