"""What a process remembers of its own steps, and how much of it at most."""

import pytest

from travio_inventory.protocol import local_signals
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Table
from travio_inventory.protocol.local_signals import LocalSignals

ONE, TWO = (Partition(Table.SEAT_GROUPS, "org", "t", number) for number in (1, 2))


def key(number: int) -> RowKey:
    return RowKey(Kind.EVENT, str(number))


def test_each_follower_takes_every_event_once() -> None:
    signals = LocalSignals()
    followers = [signals.follow(), signals.follow()]
    rows: list[Row] = [{"ordinal": number} for number in range(3)]
    for number, partition in enumerate((ONE, TWO, ONE)):
        signals.recorded(partition, key(number), rows[number])
    for follower in followers:
        assert follower.take() == {ONE: {key(0): rows[0], key(2): rows[2]}, TWO: {key(1): rows[1]}}
        assert follower.take() == {}


def test_for_a_follower_that_does_not_take_them_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_signals, "EVENTS_MAX", 2)
    signals = LocalSignals()
    follower = signals.follow()
    for _ in range(2):
        for number, partition in enumerate((ONE, TWO, ONE)):
            signals.recorded(partition, key(number), {})
        assert follower.take() == {ONE: {key(0): {}}, TWO: {key(1): {}}}


def test_what_falls_due_is_taken_in_its_millisecond_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_signals, "DUE_MAX", 3)
    signals = LocalSignals()
    for partition, at_ms in ((TWO, 7), (ONE, 5), (ONE, 7), (TWO, 1)):
        signals.due(partition, at_ms)
    assert signals.all_due() == {ONE, TWO}
    assert [signals.take_due(ms) for ms in (4, 5, 6, 7, 8)] == [set(), {ONE}, set(), {ONE, TWO}, set()]
    assert signals.all_due() == set(), "one too many was not kept"
