"""The engine: runs many requests on one network, in turns. Requests go in, events come out.

There is no engine thread by default. The first consumer that waits for an event becomes the driver: it runs the turns
of all active requests, its own included, until its own event has arrived; then another waiting consumer takes over. A
turn is one pass; small passes of several requests are joined in one call. So a single consumer runs everything in its
own thread, any number of consumers share the device, and nothing runs while no consumer waits. `start` dedicates a
driver thread instead, for servers.

`_lock` guards the books (`open_requests`) and is never held during a pass. Only the thread that holds `_device_lock`,
for a turn or to measure, touches tensors. A request that is dropped, closed or cancelled gets no further turn.
Ctrl-C is raised where a pass begins, never in the middle of bookkeeping. Knows nothing of text.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

import torch

from dgemma.config import EngineConfig, SamplerConfig
from dgemma.decode.graphs import passes_of
from dgemma.engine import lifetime
from dgemma.engine.device_lock import DeviceLock
from dgemma.engine.events import Events, Job
from dgemma.engine.joint_calls import Outcome, run_together
from dgemma.engine.modes import ModeChooser
from dgemma.engine.open_requests import OpenRequests
from dgemma.engine.pace import Choice, first_passes, guess_profile
from dgemma.engine.placement import MEGABYTE, resolve
from dgemma.engine.request import EngineSnapshot, Event, Finish, Request
from dgemma.engine.request_images import SoftTokens
from dgemma.engine.residency import Residency
from dgemma.engine.runner import Runner
from dgemma.engine.scheduler import Scheduler
from dgemma.engine.validation import check_request
from dgemma.errors import CancelledError, PromptError, UsageError
from dgemma.interrupts import deferred
from dgemma.model import DiffusionGemma
from dgemma.ops import native
from dgemma.profile import DenoisingProfile
from dgemma.vision import VisionTower

PASSES_PER_TURN = 4
"""Autoregressive passes per turn while other requests are active: one costs far less than a canvas pass."""
SHORT_LIVED_S = 3.0
"""Missing kernels are compiled in the background only once a process has gone without them for this long: a compiler
that runs beside the first answers makes them much slower."""


class Engine:
    """Runs requests on one network and device. `submit` opens a request; closing its iterator ends it within one step.

    Every method may be called from any thread. A request's tokens do not depend on other requests, past or concurrent.
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
        self._soft_tokens = None if tower is None else SoftTokens(tower)
        self.profile = guess_profile(network.config.canvas_length) if profile is None else profile
        modules = [network] if tower is None else [network, tower]
        weight_bytes = sum(parameter.nbytes for module in modules for parameter in module.parameters())
        self.config = resolve(replace(config, device=str(network.device)), weight_bytes)
        self.max_context = min(config.max_context or 2**62, network.config.max_position_embeddings)
        self.budget_bytes = int((self.config.kv_budget_mb or 0) * MEGABYTE)
        scheduler = Scheduler(
            max_active=config.max_active, max_waiting=config.max_waiting, budget_bytes=self.budget_bytes
        )
        self._residency = Residency(network, tower, self._soft_tokens, scheduler, config.max_prefixes)
        self._requests = OpenRequests(scheduler, self._residency)
        self._passes = passes_of(network)
        self._lock, self._device_lock = threading.Lock(), DeviceLock()
        self._modes = ModeChooser(
            network, self._passes, sampler, self.profile, self.config.pace_file, self._device_lock
        )
        self._abandoned: deque[Job] = deque()
        self._driven = False
        self._closed: str | None = None
        # The thread that `start` created last, and the one of those that drives now; it may be an earlier one.
        self._thread: threading.Thread | None = None
        self._driver: threading.Thread | None = None
        self._wake: SimpleQueue[None] = SimpleQueue()
        lifetime.watch(self)

    def submit(self, request: Request) -> Events:
        """Opens a request and returns its events: Draft after each step, Commit for final tokens, Finish at the end.

        Raises PromptError for an empty prompt, a prompt that leaves no room for an answer, and images that do not match
        the prompt or the model; UsageError for impossible request values; BusyError when the limit of open requests is
        reached.
        """
        check_request(request, self.network.config, self.max_context)
        runner = Runner(
            self.network,
            self._passes,
            self.sampler,
            self._modes.resolve(request),
            self.config.prefill_chunk,
            self._soft_tokens,
            ample_bytes=self.budget_bytes // self.config.max_active,
        )
        if runner.num_bytes > self.budget_bytes:
            raise PromptError(
                f"The request needs a cache of {runner.num_bytes / MEGABYTE:.0f} MB but the budget for all caches is "
                f"{self.budget_bytes / MEGABYTE:.0f} MB; ask for fewer tokens or raise kv_budget_mb."
            )
        with deferred():
            with self._locked():
                self._require_open()
                job = self._requests.enter(runner)
            if self._thread is not None:
                self._wake.put(None)
            return Events(job, self._next_item, self._abandon)

    def choose(self, max_new_tokens: int, canvas_length: int | None = None, prompt: Sequence[int] = ()) -> Choice:
        """The mode, canvas length and copy length that "auto" picks for an answer of at most `max_new_tokens` to
        `prompt`. The first call may measure the machine."""
        return self._modes.choose(max_new_tokens, canvas_length, prompt)

    def warm_up(self) -> None:
        """Lays out weights and compiles kernels, so that the first request does not wait for it."""
        self._device_lock.between_turns(partial(first_passes, self.network))

    def forget_prefixes(self) -> None:
        """Empties the prefix cache: later requests encode their whole prompt. For measurements."""
        with self._locked():
            self._residency.forget_prefixes()

    def cancel(self, request_id: int) -> bool:
        """Ends a request: its consumer gets CancelledError in place of further events. False if it is not open."""
        with self._locked():
            job = self._requests.find(request_id)
            if job is not None:
                self._requests.end(job, "cancelled", CancelledError("The request was cancelled."))
        return job is not None

    def snapshot(self) -> EngineSnapshot:
        """The engine's current counters."""
        with self._locked():
            return self._requests.snapshot()

    def start(self) -> bool:
        """Starts a driver thread, which runs requests whether or not a consumer waits, until `stop` or `close`. Returns
        False if there is one already.

        For servers: all tensor work stays in one thread, and a slow consumer delays no request, not even its own.
        """
        with self._locked():
            self._require_open()
            if self._thread is not None:
                return False
            # Each thread gets its own queue: one that is ending would consume the item meant to wake the next.
            self._wake = SimpleQueue()
            self._thread = lifetime.driver(self, self._wake)
            try:
                self._thread.start()
            except RuntimeError:  # the system has no more threads
                self._thread = None
                raise
        return True

    def stop(self) -> None:
        """Ends the driver thread after its current turn; consumers drive again. Requests stay open."""
        with self._locked():
            thread, wake, self._thread = self._thread, self._wake, None
        _join(thread, wake)

    def close(self) -> None:
        """Ends every open request (CancelledError), frees every cache, and refuses further requests."""
        with self._locked():
            self._closed = self._closed or "The engine is closed; load the model again."
            self._requests.keeps_prefixes = False
            for job in self._requests:
                self._requests.end(job, "cancelled", CancelledError("The engine was closed."))
            self._residency.forget_prefixes()
            thread, wake, self._thread = self._thread, self._wake, None
        _join(thread, wake)

    def is_driven_by(self, thread: threading.Thread) -> bool:
        """Whether `thread` is the current driver thread, the one that `start` created last."""
        return self._thread is thread

    def take_turn(self) -> bool:
        """Runs one turn, for the driver thread. False if there is nothing to do, or another thread still drives."""
        with self._locked():
            if self._driven and self._driver is not threading.current_thread():
                return False
            self._driven, self._driver = True, threading.current_thread()
        return self._run_turn()

    def release_driver(self, thread: threading.Thread) -> None:
        """Called by the driver thread as it ends: lets another thread drive. Closes the engine if it was not asked to
        end."""
        with self._locked():
            if self._driver is thread:
                self._driven, self._driver = False, None
        if self._thread is thread:
            # The thread died of a bug of ours; no consumer may go on waiting for it.
            self.close()

    @property
    def is_at_work(self) -> bool:
        """Whether a thread drives or holds the device lock."""
        return self._driven or self._device_lock.is_held

    def after_fork(self) -> None:
        """Resets the engine in a forked child: locks that other threads held there have no thread to release them."""
        busy = self._driven or self._thread is not None
        self._lock, self._device_lock = threading.Lock(), DeviceLock()
        self._modes.after_fork(self._device_lock)
        self._driven, self._driver, self._thread, self._wake = False, None, None, SimpleQueue()
        if busy:
            self._closed = (
                "This process was forked while another thread used the model; load the model again in this process, or "
                "start the process by the method 'spawn'."
            )
            for job in self._requests:
                job.outbox = SimpleQueue()
                job.post(CancelledError(self._closed))
            self._requests.forget()

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError(self._closed)

    def _next_item(self, job: Job) -> Event | Exception:
        """The next item for `job`'s consumer. Drives the engine if no other thread does."""
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

        May run during garbage collection, in any thread and at any instruction, even while this same thread holds the
        lock. So it queues the request and never blocks: if the lock is taken, its holder ends the request on release.
        """
        self._abandoned.append(job)
        self._end_abandoned_if_unlocked()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the bookkeeping lock. On leaving, ends abandoned requests, and wakes a thread if there is work that no
        thread knows of."""
        with deferred():
            try:
                with self._lock:
                    try:
                        yield
                    finally:
                        self._end_abandoned()
            finally:
                self._end_abandoned_if_unlocked()

    def _end_abandoned(self) -> None:
        """Ends the requests whose consumers are gone. Wakes a thread to drive for the others if none does, and the
        driver thread if their end has left a prefix to shrink."""
        while self._abandoned:
            job = self._abandoned.popleft()
            how = "finished" if job.satisfied else "cancelled"
            self._requests.end(job, how, CancelledError("The request was closed."))
        if self._closed:
            return
        if self._thread is not None:
            if not self._driven or self._residency.has_oversized_prefix:
                self._wake.put(None)
        elif not self._driven and (job := next((job for job in self._requests if job.waiting), None)) is not None:
            job.post(None)

    def _end_abandoned_if_unlocked(self) -> None:
        # If the lock is taken, its holder calls this after releasing it and finds what is queued.
        with deferred():
            while self._abandoned and self._lock.acquire(blocking=False):
                try:
                    self._end_abandoned()
                finally:
                    self._lock.release()

    def _drive_for(self, job: Job) -> bool:
        """Drives until `job`'s outbox has an item. False if another thread drives, and will fill it."""
        with deferred():
            with self._locked():
                if not job.outbox.empty():
                    return True
                if self._driven or self._thread is not None:
                    job.waiting = True
                    return False
                self._driven = True
            try:
                while job.outbox.empty():
                    if not self._run_turn() and job.outbox.empty():
                        # Another thread that iterates the same Events took the last item.
                        assert job not in self._requests, "an open request has no turn"
                        return False
                return True
            finally:
                with self._locked():
                    self._driven = False

    def _run_turn(self) -> bool:
        """Runs the turn of one request, or of several whose passes are small. False if there was nothing to do. Called
        only by the thread that drives."""
        with self._locked():
            jobs, num_active = self._requests.begin_turn(), self._requests.num_active
        if not jobs:
            return self._shrink_prefix()
        outcomes: list[Outcome[tuple[Event, ...]]] = []
        num_passes = 1 if num_active == 1 else PASSES_PER_TURN
        try:
            # Ctrl-C is deferred during a joint turn: it would end the requests of consumers that were not interrupted.
            work = partial(self._advance, jobs, num_passes, num_active == 1)
            outcomes = self._device_lock.turn(work, whole=len(jobs) > 1)
        except Exception as problem:
            outcomes = [Outcome(error=problem)] * len(jobs)
        except BaseException:
            # Ctrl-C in the thread that happens to drive: the request whose turn it is cannot go on, all others can.
            outcomes = [Outcome(error=CancelledError("The request was interrupted."))] * len(jobs)
            raise
        finally:
            finished = [self._finish_turn(*pair) for pair in zip(jobs, outcomes, strict=True)]
        if any(finished):
            native.compile_wanted(SHORT_LIVED_S)
        self._shrink_prefix()
        return True

    def _advance(self, jobs: Sequence[Job], num_passes: int, alone: bool) -> list[Outcome[tuple[Event, ...]]]:
        """Runs the turns of `jobs`, whose first may still have to allocate its cache -> the outcome of each."""
        if jobs[0].runner.cache is None:
            # A request may wait for kernels to be compiled only where no driver thread serves others meanwhile.
            native.look_for_arrivals(wait=self._thread is None)
            jobs[0].runner.open(jobs[0].reuse)
            jobs[0].reuse = None
        if alone:
            return [Outcome(value=jobs[0].runner.advance(num_passes))]
        return run_together([partial(job.runner.advance, num_passes) for job in jobs])

    def _shrink_prefix(self) -> bool:
        """Shrinks a kept prefix whose cache still has the slots reserved for the answer of a request that ended early.
        False if there is none. Called only by the thread that drives."""
        if not self._residency.has_oversized_prefix:
            return False
        with self._locked():
            prefix = self._residency.oversized_prefix()
        if prefix is not None:
            try:
                with self._device_lock.lock, torch.inference_mode():
                    prefix.shrink()
            except (MemoryError, RuntimeError):  # no memory for the copy
                with self._locked():
                    self._residency.drop_prefix(prefix)
        return prefix is not None

    def _finish_turn(self, job: Job, outcome: Outcome[tuple[Event, ...]]) -> bool:
        """Posts the events of a turn -> whether the request has finished."""
        events, error, job.num_rows = outcome.value or (), outcome.error, outcome.num_rows
        finished = bool(events) and isinstance(events[-1], Finish)
        try:
            if finished and self._residency.keeps_prefixes:
                with self._device_lock.lock:
                    job.kept = job.runner.close(shrink=True)
            elif error is not None and not isinstance(error, CancelledError):
                job.runner.close(shrink=False)  # What it encoded may be wrong: not kept as a prefix.
        except (MemoryError, RuntimeError):
            job.kept = None  # No memory for the copy: the answer is complete, its prompt is not kept.
        finally:
            with self._locked():
                self._requests.end_turn(job, events, error)
        return finished


def _join(thread: threading.Thread | None, wake: SimpleQueue[None]) -> None:
    """Waits for a driver thread that was asked to end, waking it if it waits for work."""
    if thread is not None and thread is not threading.current_thread():
        wake.put(None)
        thread.join()
