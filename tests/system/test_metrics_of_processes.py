"""Metrics of a service of several processes: one port tells what all of them did together."""

import json
from ast import literal_eval
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.app.test_metrics import asking, figures
from tests.system.test_several_processes import CONNECTIONS, backends, has_won, new_trip
from travio_inventory.bench.free_ports import free_port
from travio_inventory.telemetry import families
from verification.kit.service_process import serving

__all__ = ["backends"]
OF_GROUPS = (families.GROUPS, families.GROUP_MEMBERS, families.GROUPS_REFUSED, families.GROUP_AGAIN)
"""Of batches of several steps, of which there may be none."""


@pytest.mark.once
async def test_one_port_tells_what_all_processes_did(backends: dict[str, str], tmp_path: Path) -> None:
    """Each of many connections leads to one of them; a seat is won over each, and refused to a rival."""
    port = free_port()
    variables = {"TRAVIO_METRICS_PORT": str(port), "TRAVIO_LOG_FORMAT": "json", **backends}
    async with serving(tmp_path, "serve --workers 2", **variables) as group:
        seats = 2 * CONNECTIONS
        trip = new_trip(seats=seats)
        async with AsyncExitStack() as stack:
            doors = [await stack.enter_async_context(group.client(f"u{n}")) for n in range(CONNECTIONS)]
            metrics = await stack.enter_async_context(asking(port))
            await doors[0].open_trip(trip)
            before = await figures(metrics)
            for number, seat in enumerate(trip.seats):
                door, rival = doors[number % CONNECTIONS], doors[(number + 1) % CONNECTIONS]
                await door.hold(trip.key.trip, "S0", "S2", [seat.id])
                assert not await has_won(rival, trip, seat.id)
            after = await figures(metrics)
        assert await group.stop() == 0
        assert {json.loads(line)["worker"] for line in group.log.splitlines()} == {0, 1}

    def moved(name: str, **labels: str) -> float:
        wanted = {*labels.items()}
        return sum(
            value - before.get(told, 0)
            for told, value in after.items()
            if told.startswith(f"{name}[") and wanted <= {*literal_eval(told.removeprefix(name))}
        )

    assert moved("grpc_server_handled_total", grpc_method="HoldSeats") == 2 * seats
    assert moved("grpc_server_handled_total", grpc_method="HoldSeats", grpc_code="OK") == seats
    assert moved("travio_use_case_duration_seconds_count", use_case="hold_seats", outcome="ok") == seats
    assert moved("travio_gate_duration_seconds_count", answer="passed") == seats
    assert moved("travio_gate_duration_seconds_count", answer="held") == seats
    assert moved("travio_store_batch_duration_seconds_count", outcome="applied") >= seats
    assert {f"{family.name}[]" for family in OF_GROUPS} <= after.keys()
    assert moved("travio_events_recorded_total", type="hold.created") == seats
    assert after["travio_edge_up[]"] == 1
    assert {after[f"travio_worker_up[('worker', '{number}')]"] for number in range(2)} == {1}
