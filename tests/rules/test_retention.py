"""The order in which things are forgotten."""

from dataclasses import replace

import pytest

from travio_inventory.protocol.late_events import LOOKS_BACK, SETTLED_EPOCHS
from travio_inventory.protocol.retention import APART_S, EVENTS_S_MIN, REQUEST_S_MAX, Retention
from travio_inventory.seats.records.listed_trips import EVERY_MS


@pytest.mark.parametrize("retention", [Retention(), Retention(holds_s=3_600), Retention(keys_s=3_600, held_s_max=900)])
def test_what_something_rests_on_goes_last(retention: Retention) -> None:
    assert retention.ended_s >= retention.keys_s + APART_S, "a key goes before its hold"
    assert retention.ended_s >= retention.holds_s
    assert retention.over_s("t~0~a~late") >= retention.over_s("t~0~a") + APART_S, "a hold goes before its late booking"
    assert retention.ended_s > REQUEST_S_MAX, "a late copy of its beginning finds its end"
    assert retention.slots_s >= retention.held_s_max + retention.ended_s, "a slot outlives the hold that has it"
    assert retention.listed_s >= retention.held_s_max + retention.ended_s
    assert retention.entries_s >= retention.held_s_max + retention.events_s + APART_S


def test_an_event_is_kept_for_longer_than_late_ones_are_looked_for() -> None:
    assert EVENTS_S_MIN > LOOKS_BACK * EVERY_MS // 1_000 + SETTLED_EPOCHS * 60 + APART_S


def test_nothing_is_kept_for_longer_than_something_rests_on_it() -> None:
    kept = Retention(events_s=10_000, holds_s=2_000, keys_s=3_000, held_s_max=500, apart_s=7, known_s=20)
    assert kept.ended_s == 3_007, "as long as its key, and servers' clocks apart"
    assert replace(kept, keys_s=1_000).ended_s == 2_007, "as long as ended holds are to be kept"
    assert (kept.slots_s, kept.listed_s) == (3_507, 3_507), "from when it began: held, then ended"
    assert kept.told_s == 10_007
    assert kept.entries_s == 20 + REQUEST_S_MAX + 500 + 10_007, "written late, due when the longest hold runs out"
    assert kept.over_s("t~0~d") == 3_007
    assert kept.over_s("t~0~d~late") == 3_014, "until every server has forgotten its hold"
