"""How long ago something began, by clocks that are right or ahead."""

from travio_inventory.protocol.ages import HOLDS_MAX, Ages
from verification.kit.clocks import START_MS, Clock

BOUND_MS = 250


def test_what_began_by_a_clock_within_the_bound_is_as_old_as_the_clock_says() -> None:
    clock = Clock()
    ages = Ages(clock, clock_bound_ms=BOUND_MS)
    assert ages.of("h", START_MS - 70) == 70
    assert ages.of("h", START_MS + BOUND_MS) == 0
    assert not ages.is_ahead(START_MS + BOUND_MS)
    assert not ages.has_met("h", START_MS + BOUND_MS)
    clock.pass_ms(30)
    assert ages.of("h", START_MS - 70) == 100


def test_what_began_in_the_future_is_as_old_as_it_is_known() -> None:
    clock = Clock()
    ages, began_ms = Ages(clock, clock_bound_ms=BOUND_MS), START_MS + BOUND_MS + 1
    assert ages.is_ahead(began_ms)
    assert ages.has_met("h", began_ms)
    assert ages.of("h", began_ms) == 0
    clock.pass_ms(200)
    assert ages.of("h", began_ms) == 200
    assert ages.of("other", START_MS - 5) == 205


def test_a_clock_that_is_set_back_does_not_make_it_younger() -> None:
    clock = Clock()
    ages, began_ms = Ages(clock, clock_bound_ms=BOUND_MS), START_MS + 3_600_000
    ages.of("h", began_ms)
    clock.pass_ms(4_000_000)
    clock.set_by_s(-4_000)
    assert ages.of("h", began_ms) == 4_000_000
    assert ages.has_met("h", began_ms), "it was ahead when this process met it"


def test_what_was_met_first_is_forgotten_first() -> None:
    clock = Clock()
    ages, began_ms = Ages(clock, clock_bound_ms=BOUND_MS), START_MS + 3_600_000
    for number in range(HOLDS_MAX):
        ages.of(str(number), began_ms)
    ages.of("one more", began_ms)
    clock.pass_s(3_601)
    assert not ages.has_met("0", began_ms)
    assert ages.has_met("1", began_ms)
    assert ages.has_met("one more", began_ms)


def test_what_is_met_early_does_not_make_what_is_begun_later_older() -> None:
    """A slot names an id before its hold is made, by a clock that is ahead; the hold is made later, by a right one."""
    clock = Clock()
    ages = Ages(clock, clock_bound_ms=BOUND_MS)
    assert ages.of("h", START_MS + 5_000) == 0
    clock.pass_s(10)
    began_ms = clock.now_ms()
    assert ages.of("h", began_ms) == 0
    assert ages.of("h", START_MS + 5_000) == 10_000, "since it was met"
    assert ages.has_met("h", START_MS + 5_000)
    assert not ages.has_met("h", began_ms)
