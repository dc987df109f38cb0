"""The worker: RQ runs the callbacks' jobs, and a sweep every few seconds does what none did."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import DuplicateJobError
from rq.job import Job

from ivr.callbacks import jobs
from ivr.errors import IvrError
from ivr.settings import Settings

log = logging.getLogger(__name__)

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
        worker.work(with_scheduler=True, logging_level="WARNING")
    finally:
        stop.set()


def _stale(job: Job) -> bool:
    """Whether it was begun by a worker that has been killed since."""
    begun = job.started_at
    return begun is not None and datetime.now(UTC) - begun.replace(tzinfo=UTC) > STALE


def _sweep(settings: Settings, stop: threading.Event) -> None:
    """Put a sweep into the queue now and then; without Redis, once it is there again."""
    queue = Queue(jobs.QUEUE, connection=jobs.connect(settings), default_timeout=jobs.JOB_LIMIT)
    told = False
    while not stop.wait(SWEEP_EVERY):
        try:
            job = queue.fetch_job(SWEEP)
            if job is None or job.is_finished or job.is_failed or job.is_stopped or _stale(job):
                queue.enqueue(jobs.sweep, job_id=SWEEP, result_ttl=0, failure_ttl=60, at_front=True)
            told = False
        except (RedisError, OSError, DuplicateJobError) as error:
            if not told:
                log.warning("callbacks wait for Redis: %s", error)
            told = True
