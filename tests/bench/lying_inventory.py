"""A server that can give contenders and the store's readers different answers, which a bench must not believe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.rpc.error_details_pb2 import ErrorInfo
from grpclib import GRPCError, Status
from grpclib.encoding.proto import ProtoStatusDetailsCodec

from travio_inventory.bench.noop_server import LIMITS
from travio_inventory.grpc_server.server import GuardedServer
from travio_inventory.seats.refusals import CONTENTION
from travio_inventory.wire.inventory.v1 import (
    GetHoldRequest,
    GetHoldResponse,
    GetSeatMapRequest,
    GetSeatMapResponse,
    Hold,
    HoldSeatsRequest,
    HoldSeatsResponse,
    HoldStatus,
    InitializeTripInventoryRequest,
    InitializeTripInventoryResponse,
    InventoryServiceBase,
    ListHoldsRequest,
    ListHoldsResponse,
    ReleaseSeatsRequest,
    ReleaseSeatsResponse,
    SeatCell,
    SeatRow,
    SeatStatus,
)

PADDING_SEATS = 2_000
"""Large enough that a map needs many frames."""


@dataclass
class LyingInventory(InventoryServiceBase):
    """Sells one seat to `winners` callers at once; the store has `known` of them, and `secret` callers who were
    refused.
    """

    winners: int = 1
    known: int = 1
    secret: int = 0
    shown_free: bool = False
    refused_as: tuple[Status, str, str] = (Status.ABORTED, "SEAT_CONTENDED", f"{CONTENTION}: taken")
    decided_by: str = "edge"
    owners: list[str] = field(default_factory=list)
    asked: int = 0

    async def initialize_trip_inventory(
        self, message: InitializeTripInventoryRequest
    ) -> InitializeTripInventoryResponse:
        return InitializeTripInventoryResponse(success=True)

    async def hold_seats(self, message: HoldSeatsRequest) -> HoldSeatsResponse:
        self.asked += 1
        if self.asked <= self.known or self.winners < self.asked <= self.winners + self.secret:
            self.owners.append(message.user_id)
        if self.asked <= self.winners:
            return HoldSeatsResponse(hold_id=f"hold-{message.user_id}", success=True)
        status, reason, said = self.refused_as
        metadata = {"decided_by": self.decided_by}
        raise GRPCError(status, said, [ErrorInfo(reason=reason, domain="inventory.travio", metadata=metadata)])

    async def list_holds(self, message: ListHoldsRequest) -> ListHoldsResponse:
        owns = message.user_id in self.owners
        return ListHoldsResponse(holds=[self._hold(message.user_id)] if owns else [])

    async def get_hold(self, message: GetHoldRequest) -> GetHoldResponse:
        if message.user_id not in self.owners:
            raise GRPCError(Status.NOT_FOUND, "hold not found")
        return GetHoldResponse(hold=self._hold(message.user_id))

    async def get_seat_map(self, message: GetSeatMapRequest) -> GetSeatMapResponse:
        is_held = self.owners and not self.shown_free
        status = SeatStatus.HELD if is_held else SeatStatus.AVAILABLE
        others = [SeatCell(seat_id=f"other-{number}") for number in range(PADDING_SEATS)]
        return GetSeatMapResponse(rows=[SeatRow(1, [*others, SeatCell(seat_id="seat-A1", status=status)])])

    async def release_seats(self, message: ReleaseSeatsRequest) -> ReleaseSeatsResponse:
        self.owners.clear()
        self.asked = 0
        return ReleaseSeatsResponse(success=True, released_count=1)

    def _hold(self, user: str) -> Hold:
        return Hold(hold_id=f"hold-{user}", user_id=user, status=HoldStatus.HELD, seat_ids=["seat-A1"])


@asynccontextmanager
async def served(inventory: LyingInventory) -> AsyncIterator[str]:
    """Serve it on a free port; the target."""
    details = ProtoStatusDetailsCodec()
    async with GuardedServer([inventory], limits=LIMITS, status_details_codec=details) as server:
        await server.start("127.0.0.1", 0)
        yield f"127.0.0.1:{server.port}"
