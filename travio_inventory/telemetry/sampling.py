"""Which traces are recorded: as the caller's trace says, or by chance. Decided before anything is made for a span."""

from collections.abc import Callable
from random import random
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from travio_inventory.kernel.trace_context import TraceParent

Sampler: TypeAlias = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]
"""As OTEL_TRACES_SAMPLER names them."""
RATIO_BITS: Final = 64


class Sampling(NamedTuple):
    """So many of the traces that begin here; of those that began elsewhere as they say, or as many."""

    ratio: float
    heeds_parent: bool
    draw: Callable[[], float] = random

    def is_sampled(self, parent: TraceParent | None) -> bool:
        """Whether the work for this caller is recorded."""
        if parent is None:
            return self.draw() < self.ratio
        if self.heeds_parent:
            return parent.is_sampled
        return int(parent.trace_id[16:], 16) < self.ratio * (1 << RATIO_BITS)


def sampling(sampler: Sampler, ratio: float) -> Sampling:
    """The sampler of that name; `ratio` is its argument."""
    kind = sampler.removeprefix("parentbased_")
    ratios = MappingProxyType({"always_on": 1.0, "always_off": 0.0})
    return Sampling(ratios.get(kind, ratio), heeds_parent=kind != sampler)
