"""The figures of one process or several as text for Prometheus, by its own library."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, TypeAlias, assert_never

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from travio_inventory.kernel.tally import BUCKETS_MS
from travio_inventory.telemetry.families import FAMILIES, WORKER_UP, Family, Kind, Together
from travio_inventory.telemetry.meters import Snapshot

WORKER: Final = "worker"
BOUNDS: Final = (*(str(float(bound) / 1_000) for bound in BUCKETS_MS), "+Inf")
"""Of the buckets, in seconds."""

_Numbers: TypeAlias = Sequence[int | float]
_Figures: TypeAlias = dict[tuple[str, ...], _Numbers]
"""A family's figures by labels, `worker` included where each process has its own."""


def exposed(snapshots: Mapping[int, Snapshot | None], accept: str) -> tuple[bytes, str]:
    """The figures of all processes, by their numbers, in the form that the header Accept asks for; and its type. A
    process that did not answer has no snapshot.
    """
    encode, media_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(metrics(snapshots)))
    return encode(registry), media_type


class _Once(Collector):
    """Collects these metrics."""

    def __init__(self, found: Iterable[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        return self._found


def metrics(snapshots: Mapping[int, Snapshot | None]) -> Iterator[Metric]:
    """Each family that any process tells something of."""
    found = together(snapshots)
    for family in FAMILIES:
        if figures := found.get(family.name):
            yield _metric(family, figures)


def together(snapshots: Mapping[int, Snapshot | None]) -> Mapping[str, _Figures]:
    """The figures of all processes, by family and labels."""
    by_name = {family.name: family for family in FAMILIES}
    found: dict[str, _Figures] = {WORKER_UP.name: {}}
    for number, snapshot in snapshots.items():
        found[WORKER_UP.name][(str(number),)] = [int(snapshot is not None)]
        for name, labels, numbers in snapshot or ():
            if (family := by_name.get(name)) is None:
                continue  # a process of another release
            key = (*labels, str(number)) if family.is_of_each else tuple(labels)
            figures = found.setdefault(name, {})
            figures[key] = _both(family, figures[key], numbers) if key in figures else numbers
    return found


def _both(family: Family, one: _Numbers, other: _Numbers) -> _Numbers:
    match family.together:
        case Together.SUM:
            return [left + right for left, right in zip(one, other, strict=True)]
        case Together.LARGEST:
            return [max(one[0], other[0])]
        case Together.SMALLEST:
            return [min(one[0], other[0])]
        case Together.EACH:
            return other
        case _:
            assert_never(family.together)


def _metric(family: Family, figures: _Figures) -> Metric:
    labels = (*family.labels, WORKER) if family.is_of_each else family.labels
    match family.kind:
        case Kind.COUNTER:
            counter = CounterMetricFamily(family.name.removesuffix("_total"), family.meaning, labels=labels)
            for values, (number,) in figures.items():
                counter.add_metric(values, number)
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(family.name, family.meaning, labels=labels)
            for values, (number,) in figures.items():
                gauge.add_metric(values, number)
            return gauge
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(family.name, family.meaning, labels=labels)
            for values, (total_s, *buckets) in figures.items():
                histogram.add_metric(values, list(zip(BOUNDS, accumulate(buckets), strict=True)), total_s)
            return histogram
        case _:
            assert_never(family.kind)
