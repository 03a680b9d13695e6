"""How long ago something began, by clocks that differ."""

from travio_inventory.protocol.ages import Ages
from verification.kit.clocks import START_MS, Clock

AHEAD_MS = 5_000


def test_what_is_met_early_does_not_make_what_is_begun_later_older() -> None:
    """A slot names an id before its hold is made, by a clock that is ahead; the hold is made later, by a right one."""
    clock = Clock()
    ages = Ages(clock, clock_bound_ms=250)
    assert ages.of("h", START_MS + AHEAD_MS) == 0
    clock.pass_s(10)
    began_ms = clock.now_ms()
    assert ages.of("h", began_ms) == 0
    assert ages.of("h", START_MS + AHEAD_MS) == 10_000, "since it was met"
    assert ages.has_met("h", START_MS + AHEAD_MS)
    assert not ages.has_met("h", began_ms)
