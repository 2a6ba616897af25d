"""The engine: many requests on one network, in turns; requests go in, events come out.

There is no engine thread by default. The first consumer that waits for an event becomes the driver: it gives each
active request its turn (one pass, those of several in one call where they are small), its own among them, until its own
event is there; then another one who waits takes over. So one consumer alone runs in its own thread with nothing in
between, any number of them share the device, and nothing runs when nobody asks. `start` dedicates a thread to driving
instead, for servers.

`_lock` guards the bookkeeping and is never held during a pass. `_wheel` is the lock of the device: only who holds it,
for a turn or to measure, touches tensors. A request that is dropped, closed or cancelled is gone before its next turn.
Ctrl-C is raised where a pass begins, never in the middle of bookkeeping. Knows nothing of text.
"""

import itertools
import math
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import torch

from dgemma.config import EngineConfig, SamplerConfig
from dgemma.decode.graphs import passes_of
from dgemma.engine import lifetime
from dgemma.engine.events import Events, Job
from dgemma.engine.modes import ModeChooser
from dgemma.engine.pace import Choice, first_passes, guess_profile
from dgemma.engine.pictures import SoftTokens
from dgemma.engine.placement import MEGABYTE, resolve
from dgemma.engine.prefixes import PrefixStore
from dgemma.engine.refusals import check_request
from dgemma.engine.request import Commit, EngineSnapshot, Event, Finish, Request
from dgemma.engine.runner import Runner
from dgemma.engine.scheduler import Scheduler
from dgemma.engine.together import MOST_ROWS, Outcome, take_together
from dgemma.engine.wheel import Wheel
from dgemma.errors import BusyError, CancelledError, PromptError, UsageError
from dgemma.interrupts import deferred
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.ops.linear import WeightCache
from dgemma.profile import DenoisingProfile
from dgemma.vision import VisionTower

TOKENS_PER_TURN = 4
"""Autoregressive tokens in one turn among others: a token alone costs far less than a pass over a canvas."""
SHORT_LIVED_S = 3.0
"""Processes that are over sooner have no compiler beside their answers: it makes the first ones much slower."""


class Engine:
    """One network on one device. `submit` runs a request; closing its iterator stops it within one step.

    Every method may be called from any thread. A request's tokens do not depend on what else runs or ran.
    """

    def __init__(
        self,
        network: DiffusionGemma,
        sampler: SamplerConfig,
        config: EngineConfig,
        profile: DenoisingProfile | None = None,
        tower: VisionTower | None = None,
    ) -> None:
        self.network, self.sampler = network, sampler
        self._tower, self._soft_tokens = tower, None if tower is None else SoftTokens(tower)
        self.profile = guess_profile(network.config.canvas_length) if profile is None else profile
        modules = [network] if tower is None else [network, tower]
        weights = sum(parameter.nbytes for module in modules for parameter in module.parameters())
        self.config = resolve(replace(config, device=str(network.device)), weights)
        self.max_context = min(config.max_context or 2**62, network.config.max_position_embeddings)
        self.budget_bytes = int((self.config.kv_budget_mb or 0) * MEGABYTE)
        self._scheduler = Scheduler(
            max_active=config.max_active, max_waiting=config.max_waiting, budget_bytes=self.budget_bytes
        )
        self._passes = passes_of(network)
        self._prefixes = PrefixStore(config.max_prefixes)
        self._weights, self._encoder = WeightCache(), None
        self._jobs: dict[int, Job] = {}
        self._ids = itertools.count(1)
        self._counts: Counter[str] = Counter()
        self._lock, self._wheel = threading.Lock(), Wheel()
        self._modes = ModeChooser(network, self._passes, sampler, self.profile, self.config.pace_file, self._wheel)
        self._abandoned: deque[Job] = deque()
        self._driven = False
        self._closed: str | None = None
        self._in_turn: set[Job] = set()
        self._has_large_prefix = False
        # The thread that `start` began, and the one of its kind that drives.
        self._thread: threading.Thread | None = None
        self._driver: threading.Thread | None = None
        self._wake: SimpleQueue[None] = SimpleQueue()
        lifetime.watch(self)

    def submit(self, request: Request) -> Events:
        """Events of one request: Draft after each step, Commit for what is settled, Finish at the end.

        Raises PromptError for an empty prompt, one that leaves no room for an answer, and images that do not fit it or
        the model, UsageError for impossible request values, BusyError when as many requests are open as the limits
        allow.
        """
        check_request(request, self.network.config, self.max_context)
        request = self._modes.settled(request)
        ample_bytes = self.budget_bytes // self.config.max_active
        rest = (self.config.prefill_chunk, self._soft_tokens, ample_bytes)
        runner = Runner(self.network, self._passes, self.sampler, request, *rest)
        if runner.num_bytes > self.budget_bytes:
            raise PromptError(
                f"The request needs a cache of {runner.num_bytes / MEGABYTE:.0f} MB and the budget for all is "
                f"{self.budget_bytes / MEGABYTE:.0f} MB; ask for fewer tokens or raise kv_budget_mb."
            )
        job = Job(next(self._ids), runner)
        with deferred():
            with self._state():
                self._require_open()
                try:
                    self._scheduler.enter(job.id, runner.num_bytes)
                except BusyError:
                    self._counts["refused"] += 1
                    raise
                self._jobs[job.id] = job
            if self._thread is not None:
                self._wake.put(None)
            return Events(job, self._wait, self._abandon)

    def choose(self, max_new_tokens: int, canvas_length: int | None = None, prompt: Sequence[int] = ()) -> Choice:
        """What mode "auto" takes for an answer of at most `max_new_tokens` to a prompt of its kind; the first call may
        measure the machine."""
        return self._modes.choose(max_new_tokens, canvas_length, prompt)

    def warm_up(self) -> None:
        """Does what the first request would have to wait for; before any is there."""
        self._wheel.between_turns(partial(first_passes, self.network))

    def forget_prefixes(self) -> None:
        """Has later requests encode their prompts whole, for those who measure."""
        with self._state():
            self._prefixes.evict(0)

    def cancel(self, request_id: int) -> bool:
        """Ends a request; its consumer gets CancelledError instead of a further event. False when it is not open."""
        with self._state():
            job = self._jobs.get(request_id)
            if job is not None:
                self._end(job, "cancelled", CancelledError("The request was cancelled."))
        return job is not None

    def snapshot(self) -> EngineSnapshot:
        """Counts at this moment."""
        with self._state():
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
                kv_bytes=self._scheduler.active_bytes + self._prefixes.num_bytes,
                kv_budget_bytes=self.budget_bytes,
                prefixes=len(self._prefixes),
            )

    def start(self) -> bool:
        """Lets one thread drive from now on, whether or not anybody waits, until `stop` or `close`; False where one
        does already.

        For servers: all tensor work stays in one thread, and a slow consumer holds up nobody, itself included.
        """
        with self._state():
            self._require_open()
            if self._thread is not None:
                return False
            # A queue for each: one that ends would take what wakes the next.
            self._wake = SimpleQueue()
            self._thread = lifetime.driver(self, self._wake)
            try:
                self._thread.start()
            except RuntimeError:  # there can be no more threads
                self._thread = None
                raise
        return True

    def stop(self) -> None:
        """Ends the thread that `start` began, behind its turn; consumers drive again. Requests stay open."""
        with self._state():
            thread, call, self._thread = self._thread, self._wake, None
        _join(thread, call)

    def close(self) -> None:
        """Ends every open request (CancelledError), forgets every cache, and takes no more requests."""
        with self._state():
            self._closed = self._closed or "The engine is closed; load the model again."
            for job in list(self._jobs.values()):
                self._end(job, "cancelled", CancelledError("The engine was closed."))
            self._prefixes.evict(0)
            thread, call, self._thread = self._thread, self._wake, None
        _join(thread, call)

    def is_driven_by(self, thread: threading.Thread) -> bool:
        """Whether that is the thread that `start` began last."""
        return self._thread is thread

    def take_turn(self) -> bool:
        """For that thread: gives one request its turn; False when there is none, or another thread drives on."""
        with self._state():
            if self._driven and self._driver is not threading.current_thread():
                return False
            self._driven, self._driver = True, threading.current_thread()
        return self._turn()

    def let_go(self, thread: threading.Thread) -> None:
        """For that thread, at its end: leaves the driving to others, and the engine closed if it was not to end."""
        with self._state():
            if self._driver is thread:
                self._driven, self._driver = False, None
        if self._thread is thread:
            # By a fault of our own; nobody shall wait for a thread that is no more.
            self.close()

    @property
    def is_at_work(self) -> bool:
        """Whether some thread has tensors in hand."""
        return self._driven or self._wheel.is_held

    def after_fork(self) -> None:
        """In a process that was forked: what other threads held is held by nobody who could give it back."""
        busy = self._driven or self._thread is not None
        self._lock, self._wheel = threading.Lock(), Wheel()
        self._modes.after_fork(self._wheel)
        self._driven, self._driver, self._thread, self._wake = False, None, None, SimpleQueue()
        if busy:
            self._closed = (
                "This process was forked while another thread used the model; load it here, or start the process by "
                "the method 'spawn'."
            )
            for job in self._jobs.values():
                job.outbox = SimpleQueue()
                job.post(CancelledError(self._closed))
            self._jobs.clear()

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError(self._closed)

    def _wait(self, job: Job) -> Event | Exception:
        """The next that `job`'s consumer shall read, driving where nobody else does."""
        while True:
            try:
                item = job.outbox.get_nowait()
            except Empty:
                if self._drive_for(job):
                    continue
                item = job.outbox.get()
            if item is not None:
                return item

    def _abandon(self, job: Job) -> None:
        """Ends a request whose consumer is gone.

        May run inside a garbage collection, in any thread and in the middle of anything, the lock held by this very
        thread included. So it only takes notes, and whoever lets go of the lock next reads them.
        """
        self._abandoned.append(job)
        self._end_abandoned_if_free()

    @contextmanager
    def _state(self) -> Iterator[None]:
        """The bookkeeping, for one thread at a time; leaves it with nobody waiting for a wheel that is free."""
        with deferred():
            try:
                with self._lock:
                    try:
                        yield
                    finally:
                        self._end_abandoned()
            finally:
                self._end_abandoned_if_free()

    def _end_abandoned(self) -> None:
        """Ends the requests whose consumers are gone, and wakes who is to drive for the others."""
        while self._abandoned:
            job = self._abandoned.popleft()
            how = "finished" if job.satisfied else "cancelled"
            self._end(job, how, CancelledError("The request was closed."))
        if self._driven or self._closed:
            return
        if self._thread is not None:
            self._wake.put(None)
        elif (job := next((job for job in self._jobs.values() if job.waiting), None)) is not None:
            job.post(None)

    def _end_abandoned_if_free(self) -> None:
        # When the lock is taken, its holder comes here after letting go of it and sees the note.
        with deferred():
            while self._abandoned and self._lock.acquire(blocking=False):
                try:
                    self._end_abandoned()
                finally:
                    self._lock.release()

    def _drive_for(self, job: Job) -> bool:
        """Drives until `job`'s outbox has something to read; False when somebody else drives and will fill it."""
        with deferred():
            with self._state():
                if not job.outbox.empty():
                    return True
                if self._driven or self._thread is not None:
                    job.waiting = True
                    return False
                self._driven = True
            try:
                while job.outbox.empty():
                    if not self._turn() and job.outbox.empty():
                        # Another thread, which reads the same events, had the last one.
                        assert job.id not in self._jobs, "an open request has no turn"
                        return False
                return True
            finally:
                with self._state():
                    self._driven = False

    def _turn(self) -> bool:
        """Gives one request its turn, or several with small passes; False when there is none to give one to. Only who
        drives calls it."""
        with self._state():
            jobs, num_active = self._next_jobs(), self._scheduler.num_active
            self._in_turn.update(jobs)
        if not jobs:
            return self._shrink_a_prefix()
        outcomes: list[Outcome[tuple[Event, ...]]] = []
        num_tokens = 1 if num_active == 1 else TOKENS_PER_TURN
        try:
            # Broken off, a call for several would end requests whose consumers nobody interrupted.
            take = partial(self._take, jobs, num_tokens, num_active == 1)
            outcomes = self._wheel.turn(take, whole=len(jobs) > 1)
        except Exception as problem:
            outcomes = [Outcome(error=problem)] * len(jobs)
        except BaseException:
            # Ctrl-C in the thread that happens to drive: the request in hand cannot go on, all others can.
            outcomes = [Outcome(error=CancelledError("The request was interrupted."))] * len(jobs)
            raise
        finally:
            finished = [self._after_turn(*pair) for pair in zip(jobs, outcomes, strict=True)]
        if any(finished):
            native.compile_wanted(SHORT_LIVED_S)
        self._shrink_a_prefix()
        return True

    def _take(self, jobs: Sequence[Job], num_tokens: int, alone: bool) -> list[Outcome[tuple[Event, ...]]]:
        """What comes of the turns of some requests; the first of them may have no memory yet."""
        if jobs[0].runner.cache is None:
            # Without a thread of our own nobody else waits, so this request may wait for kernels.
            native.look_for_arrivals(wait=self._thread is None)
            jobs[0].runner.open(jobs[0].reuse)
            jobs[0].reuse = None
        if alone:
            return [Outcome(value=jobs[0].runner.advance(num_tokens))]
        return take_together([partial(job.runner.advance, num_tokens) for job in jobs])

    def _next_jobs(self) -> list[Job]:
        """Those whose turn it is: one that becomes active now; else the next one, and all whose passes are likely to be
        in one call with its."""
        if (job := self._admit()) is not None:
            return [job]
        if self._scheduler.num_active < 2:
            return [self._jobs[one] for one in self._scheduler.next_turns()]

        def rows_of(one: int) -> float:
            rows = self._jobs[one].num_rows
            return math.inf if rows is None else rows

        def joins(own: int, others: Sequence[int]) -> bool:
            return sum(rows_of(one) for one in (own, *others)) <= MOST_ROWS

        return [self._jobs[one] for one in self._scheduler.next_turns(joins)]

    def _shrink_a_prefix(self) -> bool:
        """Gives back what a request that was broken off had reserved for its answer; False when there is none such.
        Only who drives calls it."""
        if not self._has_large_prefix:
            return False
        with self._state():
            prefix = self._prefixes.loose()
            self._has_large_prefix = prefix is not None
        if prefix is not None:
            try:
                with self._wheel.grip(), torch.inference_mode():
                    prefix.cache.resize(prefix.cache.length, 0, prefix.cache.sliding_history)
            except (MemoryError, RuntimeError):  # no memory for the copy
                with self._state():
                    self._prefixes.drop(prefix)
        return prefix is not None

    def _admit(self) -> Job | None:
        """Makes the first in line active if there is room, evicting kept prefixes for it."""
        candidate = self._scheduler.candidate()
        if candidate is None:
            return None
        self._scheduler.admit(candidate)
        job = self._jobs[candidate]
        room = self.budget_bytes - self._scheduler.active_bytes
        tower = () if self._tower is None else (*self._tower.parameters(), *self._tower.buffers())
        weights = [*self.network.weights(), *tower]
        if (encoder := self._weights.get(weights, object)) is not self._encoder:
            # Somebody has changed them: what is kept is not what they would make of it.
            self._prefixes.evict(0)
            if self._soft_tokens is not None:
                self._soft_tokens.forget()
            self._encoder = encoder
        job.encoder = encoder
        job.reuse = self._prefixes.claim(job.runner.shareable_chunks, room)
        reused = 0 if job.reuse is None else sum(map(len, job.runner.chunks[: job.reuse.num_chunks]))
        self._counts["reused_tokens"] += reused
        self._counts["prompt_tokens"] += len(job.runner.request.prompt)
        return job

    def _after_turn(self, job: Job, outcome: Outcome[tuple[Event, ...]]) -> bool:
        """Hands out what came of a turn; whether it was the last."""
        events, error, job.num_rows = outcome.value or (), outcome.error, outcome.num_rows
        finished = bool(events) and isinstance(events[-1], Finish)
        try:
            if finished and self._prefixes.max_prefixes:
                job.kept = job.runner.close(shrink=True)
            elif error is not None and not isinstance(error, CancelledError):
                job.runner.close(shrink=False)  # What it encoded is not to be trusted.
        except (MemoryError, RuntimeError):
            job.kept = None  # No memory for the copy: the answer is whole, its prompt is not kept.
        finally:
            with self._state():
                self._in_turn.discard(job)
                self._counts["turns"] += 1
                if self._jobs.get(job.id) is job:
                    commits = [event for event in events if isinstance(event, Commit)]
                    self._counts["new_tokens"] += sum(len(commit.token_ids) for commit in commits)
                    job.post(*events)
                    if finished:
                        self._end(job, "finished")
                    elif error is not None:
                        self._end(job, "cancelled" if isinstance(error, CancelledError) else "failed", error)
                else:  # Ended by somebody else during the turn.
                    self._release(job)
        return finished

    def _end(self, job: Job, how: str, error: Exception | None = None) -> None:
        """Closes the books of an open request; what it holds goes at once, or after its turn if that is running."""
        if self._jobs.pop(job.id, None) is None:
            return
        self._counts[how] += 1
        if how == "finished":
            self._scheduler.note(job.runner.seconds)
        if how == "failed":
            job.post(error)
        elif error is not None:
            job.break_off(error)
        if job not in self._in_turn:
            self._release(job)
        else:
            self._scheduler.end(job.id)

    def _release(self, job: Job) -> None:
        kept = job.kept or job.runner.close(shrink=False)
        job.kept = job.reuse = None
        self._scheduler.leave(job.id)
        if kept is not None and not self._closed and job.encoder is self._encoder:
            self._prefixes.add(kept)
            self._has_large_prefix = self._has_large_prefix or kept.cache.num_slots > kept.cache.length
            if self._has_large_prefix and self._thread is not None:
                self._wake.put(None)


def _join(thread: threading.Thread | None, call: SimpleQueue[None]) -> None:
    """Waits for the end of a thread that was told to end, waking it where it waits for work."""
    if thread is not None and thread is not threading.current_thread():
        call.put(None)
        thread.join()
