"""The open requests of one engine: which of them get the next turn, how each ends, and the totals over all of them.

Pure bookkeeping: runs no pass, and knows nothing of threads. The caller must hold the engine's lock.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from dgemma.engine.events import Job
from dgemma.engine.joint_calls import MAX_ROWS
from dgemma.engine.request import Commit, EngineSnapshot, Event, Finish
from dgemma.engine.residency import Residency
from dgemma.engine.runner import Runner
from dgemma.engine.scheduler import Scheduler
from dgemma.errors import BusyError, CancelledError


class OpenRequests:
    """Requests from `enter` to their end; `scheduler` decides whose turn it is, `residency` what stays in memory.

    keeps_prefixes  whether the prompts of requests that end may become kept prefixes
    """

    def __init__(self, scheduler: Scheduler, residency: Residency) -> None:
        self._scheduler, self._residency = scheduler, residency
        self._jobs: dict[int, Job] = {}
        self._in_turn: set[Job] = set()
        self._ids = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self.keeps_prefixes = True

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return self._jobs.get(job.id) is job

    @property
    def num_active(self) -> int:
        """Requests that take turns."""
        return self._scheduler.num_active

    def find(self, request_id: int) -> Job | None:
        """The open request of that id; None if there is none."""
        return self._jobs.get(request_id)

    def enter(self, runner: Runner) -> Job:
        """Opens a request. Raises BusyError when the limit of open requests is reached."""
        job = Job(next(self._ids), runner)
        try:
            self._scheduler.enter(job.id, runner.num_bytes)
        except BusyError:
            self._counts["refused"] += 1
            raise
        self._jobs[job.id] = job
        return job

    def begin_turn(self) -> list[Job]:
        """The requests of the next turn: one that is admitted now, alone; else the next active one, and those whose
        passes are likely to fit into one call with its own. Call `end_turn` for each of them."""
        jobs = self._next_jobs()
        self._in_turn.update(jobs)
        return jobs

    def end_turn(self, job: Job, events: Sequence[Event], error: Exception | None) -> None:
        """Posts the events of a turn, then its error. Ends the request after either a Finish or an error."""
        self._in_turn.discard(job)
        self._counts["turns"] += 1
        if job not in self:  # Cancelled or closed during the turn.
            self._release(job)
            return
        self._counts["new_tokens"] += sum(len(event.token_ids) for event in events if isinstance(event, Commit))
        job.post(*events)
        if events and isinstance(events[-1], Finish):
            self.end(job, "finished")
        elif error is not None:
            self.end(job, "cancelled" if isinstance(error, CancelledError) else "failed", error)

    def end(self, job: Job, how: str, error: Exception | None = None) -> None:
        """Ends a request if it is open, as "finished", "cancelled" or "failed". An error that fails it is posted after
        unread events, any other in place of them. Its memory is released now, or after its turn if one is running."""
        if job not in self:
            return
        del self._jobs[job.id]
        self._counts[how] += 1
        if how == "finished":
            self._scheduler.record_duration(job.runner.seconds)
        if how == "failed":
            job.post(error)
        elif error is not None:
            job.fail(error)
        if job in self._in_turn:
            self._scheduler.end(job.id)
        else:
            self._release(job)

    def forget(self) -> None:
        """Drops all requests without ending them, in a forked child."""
        self._jobs.clear()

    def snapshot(self) -> EngineSnapshot:
        """The current counters."""
        return EngineSnapshot(
            active=self._scheduler.num_active,
            waiting=self._scheduler.num_waiting,
            finished=self._counts["finished"],
            cancelled=self._counts["cancelled"],
            failed=self._counts["failed"],
            refused=self._counts["refused"],
            prompt_tokens=self._counts["prompt_tokens"],
            reused_tokens=self._counts["reused_tokens"],
            new_tokens=self._counts["new_tokens"],
            turns=self._counts["turns"],
            kv_bytes=self._residency.num_bytes,
            kv_budget_bytes=self._scheduler.budget_bytes,
            prefixes=self._residency.num_prefixes,
        )

    def _next_jobs(self) -> list[Job]:
        if (job := self._residency.admit(self._jobs)) is not None:
            reused = () if job.reuse is None else job.runner.chunks[: job.reuse.num_chunks]
            self._counts["reused_tokens"] += sum(map(len, reused))
            self._counts["prompt_tokens"] += len(job.runner.request.prompt)
            return [job]
        joins = self._fit_one_call if self._scheduler.num_active > 1 else None
        return [self._jobs[request_id] for request_id in self._scheduler.next_turns(joins)]

    def _fit_one_call(self, request_id: int, others: Sequence[int]) -> bool:
        """Whether the passes of these requests are likely to fit into one call: they have as many rows as before."""
        rows = [self._jobs[one].num_rows for one in (request_id, *others)]
        return sum(math.inf if count is None else count for count in rows) <= MAX_ROWS

    def _release(self, job: Job) -> None:
        self._residency.release(job, keep=self.keeps_prefixes)
