"""What fails is set aside for longer and longer, and the log says so once a minute."""

import logging

import pytest

from travio_inventory.protocol.back_off import THINGS_MAX, WAITS_MS, BackOff
from travio_inventory.protocol.batches import Partition, Table
from travio_inventory.protocol.minute_cursor import Place
from travio_inventory.protocol.store_waits import StoreWaits
from verification.kit.clocks import Clock


def waits_ms(back_off: BackOff[str], clock: Clock, thing: str) -> int:
    """How long the thing is skipped from now on, which passes."""
    began_ms = clock.elapsed_ms()
    while back_off.is_waiting(thing):
        clock.pass_ms(1)
    return clock.elapsed_ms() - began_ms


def test_the_pause_doubles_with_each_failure_up_to_the_longest_and_a_success_ends_it() -> None:
    clock = Clock()
    back_off = BackOff[str]("things", clock.elapsed_ms, StoreWaits())
    for expected_ms in (250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000):
        back_off.failed("a", OSError())
        assert waits_ms(back_off, clock, "a") == expected_ms
    assert back_off.has("a"), "it may be tried, and has not succeeded"
    back_off.succeeded("a")
    assert not back_off.has("a")
    back_off.failed("a", OSError())
    assert waits_ms(back_off, clock, "a") == WAITS_MS[0]


def test_a_thing_waits_for_its_own_failures_only() -> None:
    back_off = BackOff[str]("things", Clock().elapsed_ms, StoreWaits())
    back_off.failed("a", OSError())
    back_off.succeeded("b")
    assert (back_off.has("a"), back_off.is_waiting("a")) == (True, True)
    assert (back_off.has("b"), back_off.is_waiting("b")) == (False, False)


def test_the_things_that_failed_last_are_remembered() -> None:
    back_off = BackOff[int]("things", Clock().elapsed_ms, StoreWaits())
    for thing in range(THINGS_MAX):
        back_off.failed(thing, OSError())
    back_off.failed(0, OSError())
    assert all(map(back_off.has, range(THINGS_MAX)))
    back_off.failed(THINGS_MAX, OSError())
    assert [thing for thing in range(THINGS_MAX + 1) if not back_off.has(thing)] == [1]


def test_one_line_a_minute_says_what_kind_of_failure_and_how_many_things(caplog: pytest.LogCaptureFixture) -> None:
    back_off = BackOff[str]("partitions to sweep", Clock().elapsed_ms, StoreWaits())
    for thing in "abc":
        back_off.failed(thing, OSError("no route"))
    back_off.failed("d", ValueError("rubbish"))
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, f"partitions to sweep: {said}")
        for said in (
            "1 set aside, retried within 15 s, the others go on; a: OSError: no route",
            "4 set aside, retried within 15 s, the others go on; d: ValueError: rubbish",
        )
    ]


def test_what_was_set_aside_is_named_in_words(caplog: pytest.LogCaptureFixture) -> None:
    """Operators look for the trip and the hold in it: no types, no separators of an index."""
    places = BackOff[Place]("events for shop", Clock().elapsed_ms, StoreWaits())
    places.failed(Place(7, "seat_groups\x1facme\x1ft1\x1f0\x1fh1~0"), ValueError("no route"))
    partitions = BackOff[Partition]("partitions to sweep", Clock().elapsed_ms, StoreWaits())
    partitions.failed(Partition(Table.SEAT_GROUPS, "acme", "t1", 2), ValueError("no answer"))
    told = [record.getMessage().split("; ")[1] for record in caplog.records]
    assert told == [
        "7 seat_groups acme t1 0 h1~0: ValueError: no route",
        "seat_groups acme t1 2: ValueError: no answer",
    ]
