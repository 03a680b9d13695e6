"""Broken designs of units: those of the counter, and those of the protocol, which units must show as well.

When a line is moved, its status and the counter's version make up for each other, because every batch that moves a line
changes the version. So lines without any condition are caught only together with a counter that is compared by its
numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from travio_inventory.protocol.batches import ABSENT, Batches, Row, Rows, Write
from travio_inventory.protocol.resource import Claim, Decision, Findings, InTheWay
from verification.simulation.broken import Plant, rewrite, unconditionally
from verification.simulation.broken_designs import BROKEN
from verification.simulation.plan import Plan
from verification.simulation.units import COUNTER, LINES, UnitHold, Units, is_short

ROUGH = Plan(0, seats=12, seats_per_group=4, holders=7, faults=0.5, kills=0.4)
ONE_PARTITION = Plan(0, seats=4, seats_per_group=4, holders=7, faults=0.3, kills=0.12)


@dataclass(frozen=True, slots=True)
class BrokenUnits:
    """A broken design, the promises of which at least one must be seen broken, and a plan that shows it."""

    promises: str
    plan: Plan
    plant: Plant

    def is_caught_by(self, violations: Sequence[str]) -> bool:
        """Whether one of the promises is among those seen broken."""
        return any(violation.startswith(promise) for violation in violations for promise in self.promises.split())


def _without_version(patch: pytest.MonkeyPatch) -> None:
    rewrite(patch, lambda write: unconditionally(write) if _is_change(write) else write)


def _line_over(patch: pytest.MonkeyPatch) -> None:
    """A line is written even if it exists: a second call with the same key counts its units again."""
    rewrite(patch, lambda write: unconditionally(write) if _is_new_line(write) else write)


def _is_new_line(write: Write) -> bool:
    return write.key.kind is LINES and write.condition is ABSENT


def _by_numbers(patch: pytest.MonkeyPatch) -> None:
    """The counter is compared by its numbers, and lines have no condition."""
    patch.setattr("verification.simulation.units.counted", _counted_by_numbers)
    rewrite(patch, lambda write: unconditionally(write) if write.key.kind is LINES else write)


def _counted_by_numbers(counter: Row, *, available: int, reserved: int) -> Write:
    seen = {name: int(counter.get(name) or 0) for name in ("available", "reserved")}
    after = {"available": seen["available"] + available, "reserved": seen["reserved"] + reserved}
    return Write(COUNTER, seen, after)


def _is_change(write: Write) -> bool:
    return write.key == COUNTER and write.condition is not ABSENT


def _never_ask_whose(patch: pytest.MonkeyPatch) -> None:
    in_the_way = Units.in_the_way

    async def nobody(self: Units, batches: Batches, claim: Claim[UnitHold], standing: Rows) -> InTheWay:
        return (await in_the_way(self, batches, claim, standing))._replace(obstacles=())

    patch.setattr(Units, "in_the_way", nobody)


def _attempts_count(patch: pytest.MonkeyPatch) -> None:
    """Units of running attempts count as sold."""

    def decide(_self: Units, findings: Findings[UnitHold], _before: Findings[UnitHold] | None) -> Decision:
        if findings.were_freed or findings.errors or not is_short(findings.claim, findings.met.rows[COUNTER]):
            return Decision.TRY_AGAIN
        return Decision.LOST

    patch.setattr(Units, "decide", decide)


def _own(name: str, promises: str, plan: Plan = ROUGH) -> BrokenUnits:
    """A broken design of the protocol, on units."""
    return BrokenUnits(promises, plan, BROKEN[name].plant)


BROKEN_UNITS = {
    "counter without its version": BrokenUnits("U1 U2 I1", ONE_PARTITION, _without_version),
    "line whether it stands already or not": BrokenUnits("U2", ROUGH, _line_over),
    "counter by its numbers, and lines whatever they say": BrokenUnits("U1 U2 I1", ROUGH, _by_numbers),
    "too few units, whoever has them": BrokenUnits("I5", ROUGH, _never_ask_whose),
    "units of an attempt under way count as had": BrokenUnits("I5", ROUGH, _attempts_count),
    **{
        name: _own(name, promises, plan)
        for name, promises, plan in (
            ("steal an intent without fencing it", "I2", ROUGH.with_seed(131)),
            ("a final refusal without a fence", "I5", ROUGH.with_seed(47)),
            ("the home batch before the intents", "I2", ROUGH),
            ("fence whatever stands", "I4", ROUGH),
            ("expire whatever the status", "I4", ROUGH),
            ("never fence an abandoned attempt", "L2", ROUGH),
        )
    },
}
