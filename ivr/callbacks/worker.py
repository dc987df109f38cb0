"""The worker: RQ runs the callbacks' jobs, and a sweep every few seconds does what none did."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.scheduler import RQScheduler

from ivr.callbacks import jobs
from ivr.errors import IvrError
from ivr.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks for jobs whose time has come."""
SCHEDULER = "callbacks"
"""Its name at RQ: the next worker goes on at once where a killed one stopped."""
SWEEP_EVERY = 5.0
"""Seconds between two sweeps."""
STALE = timedelta(seconds=20)
"""A sweep that has not ended by then was killed, or will be of no use."""
MAINTENANCE = 30
"""Seconds between two looks for jobs whose process was killed."""
SWEEP = "sweep"
"""Name of the sweep's job: there is one at a time."""


def work(settings: Settings) -> None:
    """Run jobs until told to stop. Raises IvrError when Redis refuses."""
    redis = jobs.connect(settings)
    try:
        redis.ping()
    except RedisError as error:
        raise IvrError(f"Redis on port {settings.redis.port} does not answer: {error}") from error
    logging.getLogger("ivr.asterisk.ami").setLevel(logging.WARNING)  # each job connects anew
    stop = threading.Event()
    sweeping = threading.Thread(target=_sweep, args=(settings, stop), daemon=True)
    sweeping.start()
    if not settings.trunk.can_dial_out:
        log.warning("no line leads outside: callbacks wait for people; set [trunk] mode and host")
    try:
        worker = Worker([jobs.QUEUE], connection=redis, maintenance_interval=MAINTENANCE)
        worker.work(logging_level="WARNING")
    finally:
        stop.set()


def _stale(job: Job) -> bool:
    """Whether it was begun by a worker that has been killed since."""
    begun = job.started_at
    return begun is not None and datetime.now(UTC) - begun.replace(tzinfo=UTC) > STALE


def _sweep(settings: Settings, stop: threading.Event) -> None:
    """Put jobs into the queue whose time has come, and a sweep now and then.

    A thread instead of RQ's own process for that, which would outlive a killed worker. Without
    Redis, both wait for it. The first sweep is put there whatever a killed worker has left.
    """
    redis = jobs.connect(settings)
    queue = Queue(jobs.QUEUE, connection=redis, default_timeout=jobs.JOB_LIMIT)
    scheduler = RQScheduler([queue], redis, name=SCHEDULER, logging_level=logging.WARNING)
    told = False
    swept: float | None = None
    while True:
        try:
            if scheduler.acquire_locks():  # type: ignore[no-untyped-call]
                scheduler.enqueue_scheduled_jobs()  # type: ignore[no-untyped-call]
            if swept is None or time.monotonic() - swept >= SWEEP_EVERY:
                _put_sweep(queue, anew=swept is None)
                swept = time.monotonic()
            told = False
        except (RedisError, OSError, DuplicateJobError) as error:
            if not told:
                log.warning("callbacks wait for Redis: %s", error)
            told = True
        if stop.wait(LOOK_EVERY):
            return


def _put_sweep(queue: Queue, *, anew: bool) -> None:
    """Have a sweep done, unless one waits or is going on. ``anew``: whatever there is."""
    job = None if anew else queue.fetch_job(SWEEP)
    if job is None or job.is_finished or job.is_failed or job.is_stopped or _stale(job):
        options: dict[str, Any] = {"result_ttl": 0, "failure_ttl": 60, "at_front": True}
        queue.enqueue(jobs.sweep, job_id=SWEEP, **options)
