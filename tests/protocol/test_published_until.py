"""The moment before which a sink has had every event, as it is stored, and what a relay that starts too late says."""

import logging

import pytest

from travio_inventory.protocol.batches import Kind, RowKey, Write
from travio_inventory.protocol.published_until import EPOCH_S_MIN, SLACK_MS, PublishedUntil
from verification.kit.clocks import START_MS, Clock

KEPT_S = 14_400
ROW = RowKey(Kind.CURSOR, "until")


def stored(until: PublishedUntil, first: int) -> int | str | None:
    """The moment that is stored when the sink has every event of the epochs before that one."""
    write = until.write(first)
    assert write == Write(ROW, {}, {"reached": write.values["reached"]})
    return write.values["reached"]


def begun(clock: Clock, stored_ms: int | None) -> PublishedUntil:
    until = PublishedUntil("far", clock, kept_s=KEPT_S)
    until.begin(None if stored_ms is None else {"reached": stored_ms})
    return until


def test_a_new_sink_has_missed_nothing() -> None:
    assert PublishedUntil("far", Clock(), kept_s=KEPT_S).missed_s == 0, "the relay has not started"
    until = begun(Clock(), None)
    assert until.missed_s == 0
    assert stored(until, 1) == START_MS


@pytest.mark.parametrize(("late_ms", "missed_s"), [(0, 0), (999, 0), (1_000, 1), (90_500, 90)])
def test_a_relay_that_starts_too_late_says_from_when_to_when_events_are_lost(
    caplog: pytest.LogCaptureFixture, late_ms: int, missed_s: int
) -> None:
    clock = Clock()
    until = begun(clock, START_MS - KEPT_S * 1_000 - late_ms)
    assert until.missed_s == missed_s
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * (missed_s > 0)
    if late_ms == 90_500:
        assert caplog.records[0].getMessage() == (
            "events for far from 2027-01-15T03:58+00:00 to 2027-01-15T04:00+00:00 are no longer kept, and those that "
            "it had not had are lost to it: they are kept for 14400 s (TRAVIO_EVENT_RETENTION_SECONDS); it goes on "
            "with the next"
        )


def test_it_is_when_the_newest_epoch_that_is_done_with_opened_less_some_slack() -> None:
    clock = Clock()
    until = begun(clock, START_MS)
    opened_ms = {}
    for epoch in range(1, 6):
        until.saw(epoch)
        opened_ms[epoch] = clock.now_ms()
        clock.pass_ms(SLACK_MS)
        until.saw(epoch)
    assert stored(until, 2) == START_MS, "nothing is known about the first: it was open already"
    assert stored(until, 4) == opened_ms[4] - SLACK_MS
    assert stored(until, 4) == opened_ms[4] - SLACK_MS
    assert stored(until, 9) == opened_ms[5] - SLACK_MS


def test_the_epoch_that_it_meets_first_may_have_been_open_for_long() -> None:
    clock = Clock()
    until = begun(clock, START_MS)
    clock.pass_ms(3 * SLACK_MS)
    until.saw(5)
    assert stored(until, 9) == START_MS


def test_it_never_goes_back() -> None:
    clock = Clock()
    until = begun(clock, START_MS)
    until.saw(1)
    clock.set_by_s(-7_200)
    until.saw(2)
    assert stored(until, 2) == START_MS


def test_an_epoch_that_goes_back_opened_before_its_eyes_only_if_it_comes_again() -> None:
    clock = Clock()
    until = begun(clock, START_MS)
    until.saw(5)
    clock.pass_ms(3 * SLACK_MS)
    until.saw(4)
    assert stored(until, 9) == START_MS
    until.saw(5)
    assert stored(until, 9) == START_MS + 2 * SLACK_MS


def test_no_more_epochs_are_remembered_than_events_are_kept_for() -> None:
    clock = Clock()
    until = begun(clock, START_MS)
    epochs = KEPT_S // EPOCH_S_MIN + 2
    opened_ms = {}
    for epoch in range(1, epochs + 1):
        until.saw(epoch)
        opened_ms[epoch] = clock.now_ms()
        clock.pass_ms(2 * SLACK_MS)
    assert stored(until, 2) == START_MS, "that one is forgotten"
    assert stored(until, 3) == opened_ms[3] - SLACK_MS
