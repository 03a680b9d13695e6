"""What a line of the log is about can be looked for: its trip, its hold, its trace and its process are fields of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from grpclib.client import Channel
from grpclib.exceptions import GRPCError

from travio_inventory.bench.free_ports import free_port
from travio_inventory.wire.inventory.v1 import (
    ConfirmBookingRequest,
    HoldSeatsRequest,
    InventoryServiceStub,
)
from verification.kit.service_process import ORGANIZATION, ServiceProcess, eventually, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
HOLD = "h-0-0000000000000000"
WITHIN_S = 60


def lines(service: ServiceProcess) -> list[dict[str, Any]]:
    """The whole lines so far."""
    return [json.loads(line) for line in service.log.splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.once
async def test_a_line_has_its_trip_hold_trace_and_process_as_fields(tmp_path: Path) -> None:
    variables = {
        "TRAVIO_LOG_FORMAT": "json",
        "TRAVIO_LOG_LEVEL": "DEBUG",
        "TRAVIO_WATCHED_TRIPS": f"{ORGANIZATION}/watched",
        "TRAVIO_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }
    async with serving(tmp_path, **variables) as service:
        async with Channel("127.0.0.1", service.port) as channel:
            stub, traced = InventoryServiceStub(channel), {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
            with pytest.raises(GRPCError):
                await stub.hold_seats(
                    HoldSeatsRequest(
                        trip_id="nowhere", organization_id=ORGANIZATION, user_id="ann", seat_ids=["1"],
                        from_station_id="A", to_station_id="B",
                    ),
                    metadata=traced,
                )  # fmt: skip
            with pytest.raises(GRPCError):
                await stub.confirm_booking(
                    ConfirmBookingRequest(hold_id=HOLD, order_id="o", user_id="ann", organization_id=ORGANIZATION),
                    metadata=traced,
                )

        async def is_told() -> bool:
            return {"nowhere", "watched"} <= {line.get("trip") for line in lines(service)}

        await eventually(is_told, within_s=WITHIN_S)
        assert await service.stop() == 0
    [refused] = [line for line in lines(service) if line.get("trip") == "nowhere"]
    assert (refused["trace_id"], refused["worker"], refused["pid"]) == (TRACE, 0, service.pid)
    assert TRACE in {line.get("trace_id") for line in lines(service) if line.get("hold") == HOLD}
    [watched] = [line for line in lines(service) if line.get("trip") == "watched"]
    assert (watched["level"], "trace_id" in watched) == ("WARNING", False)
