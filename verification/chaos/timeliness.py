"""Judges the promises about time: only periods without another fault count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from verification.chaos.aftermath import Aftermath
from verification.chaos.falls import FELT_S, NEXT_ANSWER_S_MAX, Felled
from verification.chaos.nemesis import Struck

LATE_P99_S_MAX = 1.0
LATE_S_MAX = 5.0
EXPIRED_MIN = 100
"""Among fewer holds, a single one is more than a hundredth."""
TOLD_MAX = 2
"""How many ends of services are listed in one line."""


@dataclass
class Lateness:
    """How long after their expiry holds were ended, by the database's clock, in seconds, the shortest first."""

    quiet_s: list[float] = field(default_factory=list)
    disturbed_s: list[float] = field(default_factory=list)
    """The number of holds that expired while a fault was active or still had effects."""


def lateness(found: Aftermath, struck: Sequence[Struck], *, start_ms: int) -> Lateness:
    """`start_ms` is the time of day when the clock of the faults showed 0."""
    split = Lateness()
    rows = {name: row for remains in found.remains.values() for name, row in remains.holds.items()}
    for name, late_s in found.late_s.items():
        due_s = (rows[name].expires_at_ms - start_ms) / 1_000
        is_disturbed = any(one.touches(due_s, due_s + LATE_P99_S_MAX, felt_s=FELT_S) for one in struck)
        (split.disturbed_s if is_disturbed else split.quiet_s).append(late_s)
    split.quiet_s.sort()
    split.disturbed_s.sort()
    return split


def share(values: Sequence[float], percent: int) -> float:
    """The least value that the given percentage of the values does not exceed; the values are sorted, and there is at
    least one.
    """
    return values[min(len(values) * percent // 100, len(values) - 1)]


def too_late(split: Lateness, felled: Iterable[Felled]) -> list[str]:
    """Every promise about time that was broken."""
    said = []
    if len(split.quiet_s) >= EXPIRED_MIN and share(split.quiet_s, 99) > LATE_P99_S_MAX:
        said.append(f"L1 in quiet times holds expired {share(split.quiet_s, 99):.2f} s late (p99)")
    if split.quiet_s and split.quiet_s[-1] > LATE_S_MAX:
        said.append(f"L1 in quiet times a hold expired {split.quiet_s[-1]:.2f} s late")
    worst = sorted((one for one in felled if one.is_too_late), key=lambda one: -one.next_answer_s)
    return said + [
        f"after {one.fall.signal} to {one.fall.service} the next answer came in {one.next_answer_s:.2f} s,"
        f" not within {NEXT_ANSWER_S_MAX:g} s"
        for one in worst[:TOLD_MAX]
    ]
