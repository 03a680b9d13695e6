"""Examples can be sold whenever they are printed."""

from datetime import UTC, datetime, timedelta

import pytest

from travio_inventory.cli import examples
from travio_inventory.cli.trip_files import parse_trip


@pytest.mark.parametrize("name", examples.names())
def test_an_example_trip_leaves_in_a_week(name: str) -> None:
    trip = parse_trip(examples.text(name), source=name)
    leaves = datetime.fromtimestamp(trip.segments[0].departs_at_s, UTC)
    assert abs(leaves - datetime.now(UTC) - examples.LEAVES_IN) < timedelta(days=2)
