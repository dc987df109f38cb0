"""Threads for inference: as many at once as there are cores, a few waiting, the rest refused."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ivr.errors import EngineError, Saturated

T = TypeVar("T")


class Pool:
    """Runs blocking work beside the event loop, first come first served.

    That is fair between calls as long as each call has one piece of work here at a time, which the
    sessions see to.
    """

    def __init__(self, workers: int, max_waiting: int, name: str) -> None:
        """workers: threads, 0 for one per core. max_waiting: pieces of work that may queue."""
        self._name = name
        self._threads = workers or os.cpu_count() or 1
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix=name)
        self._places = threading.Semaphore(self._threads + max_waiting)
        self._unfinished = 0
        self._counting = threading.Lock()

    @property
    def threads(self) -> int:
        """How many pieces of work run at once."""
        return self._threads

    @property
    def idle(self) -> bool:
        """Whether a piece of work would begin at once."""
        return self._unfinished < self._threads

    async def run(self, work: Callable[[], T]) -> T:
        """The result of ``work``, done in a thread.

        Cancelled, it gives up its place in the queue; what has begun goes on to its end. Raises
        Saturated at once when there is no place, EngineError when the work fails.
        """
        if not self._places.acquire(blocking=False):
            raise Saturated(f"{self._name}: all threads are busy and the queue is full")
        self._count(1)
        future = self._executor.submit(work)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wrap_future(future)
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"{self._name} failed: {error}") from error

    def _done(self, _: Future[T]) -> None:
        """In the thread that did it, or where it was dropped."""
        self._count(-1)
        self._places.release()

    def _count(self, more: int) -> None:
        with self._counting:
            self._unfinished += more

    async def close(self) -> None:
        """Drop what waits, and wait for what runs."""
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
