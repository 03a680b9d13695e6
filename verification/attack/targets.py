"""What is on sale during an attack, and the requests that attackers make of it."""

from functools import cache
from typing import Final

from travio_inventory.bench import calls
from travio_inventory.bench.calls import Contest
from travio_inventory.bench.web import map_request as map_of
from travio_inventory.client import Trip
from verification.kit.requests import request
from verification.kit.service_process import ORGANIZATION
from verification.kit.trips import trip_of

FAIR_TRIP, ATTACKED_TRIP = "fair", "attacked"
FAIR_SEATS: Final = 300
ATTACKED_SEATS: Final = 2_000
"""Its seat map is a large reply."""
REFLECTION: Final = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def trips() -> list[Trip]:
    """One trip for the well-behaved callers, one for the attackers."""
    return [trip_of(FAIR_TRIP, seats=FAIR_SEATS), trip_of(ATTACKED_TRIP, seats=ATTACKED_SEATS)]


def hold_of(number: int) -> bytes:
    """HoldSeats of one seat of the attackers' trip, another seat for each number."""
    return _hold_of(number % ATTACKED_SEATS + 1)


@cache
def _hold_of(seat: int) -> bytes:
    changed = {"trip_id": ATTACKED_TRIP, "seat_ids": [f"seat-{seat}"], "user_id": f"a{seat}", "idempotency_key": ""}
    return bytes(request("HoldSeats", changed).SerializeToString())


def map_over_http(trip: str, token: str) -> bytes:
    """The map of a trip, on a connection that is kept; whoever has a token shows it."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    return map_of(Contest(ORGANIZATION, trip, "S0", "S2", ""), **{"Accept-Encoding": "gzip"}, **shown)


@cache
def watch_request() -> bytes:
    """WatchSeatMap of the attackers' trip."""
    return calls.write(
        "WatchSeatMapRequest",
        trip_id=ATTACKED_TRIP, organization_id=ORGANIZATION, from_station_id="S0", to_station_id="S2",
    )  # fmt: skip


@cache
def map_request() -> bytes:
    """GetSeatMap of the attackers' trip."""
    return bytes(request("GetSeatMap", {"trip_id": ATTACKED_TRIP}).SerializeToString())
