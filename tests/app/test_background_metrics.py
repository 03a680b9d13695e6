"""What background jobs did, as the metrics tell it."""

from typing import cast

import pytest

from tests.app.test_metrics import WITHIN_S, asking, figures, with_metrics
from travio_inventory.app.relaying import Relay
from travio_inventory.app.service import running
from travio_inventory.app.told_figures import OF_RELAYS
from travio_inventory.kernel.actor import Actor
from travio_inventory.seats.trip import TripKey
from travio_inventory.seats.use_cases.forget_trips import ForgetTrips
from travio_inventory.seats.use_cases.visited import Visited
from travio_inventory.telemetry import families
from verification.kit.service_process import eventually


async def test_a_service_tells_what_came_of_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three trips that each round visits one is forgotten."""

    async def visited(_forget: ForgetTrips, _actor: Actor) -> Visited[TripKey]:
        return Visited(3, over=1)

    monkeypatch.setattr(ForgetTrips, "__call__", visited)
    async with running(with_metrics()) as app, asking(app.metrics_port) as metrics:

        async def are_told() -> bool:
            return (await figures(metrics))[f"{families.TRIP_VISITS.name}{[('outcome', 'forgotten')]}"] >= 1

        await eventually(are_told, within_s=WITHIN_S)


class Behind:
    """A relay that tells three different figures."""

    def lag_ms(self) -> int:
        return 1_000

    def forgotten_in_s(self) -> int:
        return 2

    def missed_s(self) -> int:
        return 3


def test_each_figure_of_a_relay_is_the_one_that_its_name_says() -> None:
    relay = cast(Relay, Behind())
    assert {family: read(relay) for family, read in OF_RELAYS.items()} == {
        families.RELAY_LAG: 1,
        families.RELAY_LEFT: 2,
        families.RELAY_MISSED: 3,
    }
