"""The order in which things are forgotten."""

import pytest

from travio_inventory.protocol.retention import APART_S, REQUEST_S_MAX, Retention


@pytest.mark.parametrize("retention", [Retention(), Retention(holds_s=3_600), Retention(keys_s=3_600, held_s_max=900)])
def test_what_something_rests_on_goes_last(retention: Retention) -> None:
    assert retention.ended_s >= retention.keys_s + APART_S, "a key goes before its hold"
    assert retention.ended_s >= retention.holds_s
    assert retention.ended_s > REQUEST_S_MAX, "a late copy of its beginning finds its end"
    assert retention.slots_s >= retention.held_s_max + retention.ended_s, "a slot outlives the hold that has it"
    assert retention.listed_s >= retention.held_s_max + retention.ended_s
    assert retention.entries_s >= retention.held_s_max + retention.events_s + APART_S
