"""The inference pool: bounded, fair, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial

import pytest

from ivr.errors import EngineError, Saturated
from ivr.speech.pool import Pool


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """One thread, and two may wait."""
    pool = Pool(workers=1, max_waiting=2, name="pool")
    yield pool
    await pool.close()


class Gate:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._go = threading.Event()

    def __call__(self) -> str:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self._go.wait(10)
        return "done"

    def open(self) -> None:
        self._go.set()


async def test_runs_beside_the_event_loop(pool: Pool) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()  # the loop is free while the work goes on
    gate.open()
    assert await running == "done"


async def test_refuses_at_once_what_does_not_fit(pool: Pool) -> None:
    gate = Gate()
    accepted = [asyncio.create_task(pool.run(gate)) for _ in range(3)]
    await gate.begun.wait()
    with pytest.raises(Saturated):
        await pool.run(lambda: "too much")
    gate.open()
    assert await asyncio.gather(*accepted) == ["done"] * 3
    assert await pool.run(lambda: "room again") == "room again"


async def test_first_come_first_served(pool: Pool) -> None:
    gate, order = Gate(), list[int]()
    first = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()
    waiting = [asyncio.create_task(pool.run(partial(order.append, n))) for n in (1, 2)]
    await asyncio.sleep(0)  # both are in the queue
    gate.open()
    await asyncio.gather(first, *waiting)
    assert order == [1, 2]


async def test_cancelled_work_gives_up_its_place(pool: Pool) -> None:
    gate = Gate()
    first = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()
    never = threading.Event()
    waiting = [asyncio.create_task(pool.run(never.set)) for _ in range(2)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    instead = asyncio.create_task(pool.run(lambda: "instead"))
    await asyncio.sleep(0)
    gate.open()
    assert (await first, await instead) == ("done", "instead")
    assert not never.is_set()


async def test_cancelled_work_that_runs_holds_its_thread(pool: Pool) -> None:
    gate = Gate()
    running = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()
    running.cancel()
    await asyncio.wait([running])
    waiting = [asyncio.create_task(pool.run(lambda: "next")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Saturated):
        await pool.run(lambda: "too much")
    gate.open()
    assert await asyncio.gather(*waiting) == ["next", "next"]


async def test_a_failure_is_an_engine_error_with_its_cause(pool: Pool) -> None:
    def fail() -> None:
        raise RuntimeError("bad tensor")

    with pytest.raises(EngineError, match="pool failed: bad tensor") as caught:
        await pool.run(fail)
    assert isinstance(caught.value.__cause__, RuntimeError)


async def test_a_thread_is_idle_only_when_its_work_has_ended(pool: Pool) -> None:
    gate = Gate()
    assert pool.idle
    unwanted = asyncio.create_task(pool.run(gate))
    await gate.begun.wait()
    unwanted.cancel()
    await asyncio.wait([unwanted])
    assert not pool.idle  # what has begun goes on to its end
    gate.open()
    assert await pool.run(lambda: "next") == "next"
    assert pool.idle
