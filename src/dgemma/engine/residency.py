"""What stays in device memory: the KV caches of active requests, and kept prefixes for later ones.

Admits requests whose caches fit the budget, and evicts kept prefixes to make room. Prefixes are reused only under the
weights that computed them. Knows no threads. The caller must hold the engine's lock.
"""

from collections.abc import Mapping

from dgemma.engine.events import Job
from dgemma.engine.prefixes import Prefix, PrefixStore
from dgemma.engine.request_images import SoftTokens
from dgemma.engine.scheduler import Scheduler
from dgemma.model import DiffusionGemma
from dgemma.ops.linear import WeightCache
from dgemma.vision import VisionTower


class Residency:
    """Admits and releases the requests of one engine; `scheduler` counts the bytes of the active ones.

    has_oversized_prefix  whether `oversized_prefix` may find one; reading it needs no lock
    """

    def __init__(
        self,
        network: DiffusionGemma,
        tower: VisionTower | None,
        soft_tokens: SoftTokens | None,
        scheduler: Scheduler,
        max_prefixes: int,
    ) -> None:
        self._network, self._tower, self._soft_tokens = network, tower, soft_tokens
        self._scheduler, self._prefixes = scheduler, PrefixStore(max_prefixes)
        # An object that is replaced when the weights change: KV caches are reusable only under the same one.
        self._weights, self._weights_key = WeightCache(), None
        self.has_oversized_prefix = False

    @property
    def num_bytes(self) -> int:
        """Bytes of all KV caches, those of kept prefixes included."""
        return self._scheduler.active_bytes + self._prefixes.num_bytes

    @property
    def num_prefixes(self) -> int:
        """Number of kept prefixes."""
        return len(self._prefixes)

    @property
    def keeps_prefixes(self) -> bool:
        """Whether any prefix may be kept."""
        return self._prefixes.max_prefixes > 0

    def admit(self, jobs: Mapping[int, Job]) -> Job | None:
        """Admits the first waiting request if the budget allows, evicting kept prefixes to make room. Sets the prefix
        that it starts from (`Job.reuse`)."""
        candidate = self._scheduler.candidate()
        if candidate is None:
            return None
        self._scheduler.admit(candidate)
        job = jobs[candidate]
        room = self._scheduler.budget_bytes - self._scheduler.active_bytes
        tower = () if self._tower is None else (*self._tower.parameters(), *self._tower.buffers())
        weights = [*self._network.weights(), *tower]
        if (weights_key := self._weights.get(weights, object)) is not self._weights_key:
            # The weights have changed: kept prefixes and soft tokens were computed with the old ones.
            self.forget_prefixes()
            if self._soft_tokens is not None:
                self._soft_tokens.forget()
            self._weights_key = weights_key
        job.weights_key = weights_key
        job.reuse = self._prefixes.claim(job.runner.shareable_chunks, room)
        return job

    def release(self, job: Job, *, keep: bool) -> None:
        """Frees the cache of a request that has ended, active or waiting. With `keep` the encoded part of its prompt
        becomes a kept prefix."""
        prefix = job.kept or job.runner.close(shrink=False)
        job.kept = job.reuse = None
        self._scheduler.leave(job.id)
        if prefix is None or not keep or job.weights_key is not self._weights_key:
            return
        self._prefixes.add(prefix)
        self.has_oversized_prefix = self.has_oversized_prefix or prefix.is_oversized

    def oversized_prefix(self) -> Prefix | None:
        """A kept prefix that is to be shrunk; None if there is none."""
        prefix = self._prefixes.oversized()
        self.has_oversized_prefix = prefix is not None
        return prefix

    def drop_prefix(self, prefix: Prefix) -> None:
        """Drops a prefix if it is kept."""
        self._prefixes.drop(prefix)

    def forget_prefixes(self) -> None:
        """Drops all kept prefixes."""
        self._prefixes.evict(0)
