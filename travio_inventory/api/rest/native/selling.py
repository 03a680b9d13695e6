"""What an organization does beside its trips, over HTTP: blocks, seat plans, manifests, explanations."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import Administering
from travio_inventory.api.rest.json_text import moment
from travio_inventory.api.rest.native import hold_models
from travio_inventory.api.rest.native import selling_models as models
from travio_inventory.api.rest.native.explanations import explained
from travio_inventory.api.rest.native.hold_answers import described
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.native.trip_requests import plan_part
from travio_inventory.api.rest.native.trips import TripId
from travio_inventory.api.rest.routes import LargeBodyRoute, problems_of
from travio_inventory.seats.commands import BlockSeatsCommand, SeatUpdate
from travio_inventory.seats.queries import SeatQuery
from travio_inventory.seats.seat_plan import plan_key
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.seats.use_cases.block_seats import SeatsUpdated

PlanId = Annotated[str, Path(examples=["coach-40"])]
SeatId = Annotated[str, Path(examples=["seat-A1"])]


class SellingRoutes:
    """Each is a use case of an organization."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1", tags=["organization"], route_class=LargeBodyRoute)
        of_trip, of_plan = "/trips/{trip_id:id}", "/seat-plans/{plan_id:id}"
        blocks = f"{of_trip}/seat-blocks"
        router.add_api_route(
            blocks, self.block, methods=["POST"], summary="Take seats off sale.", responses=problems_of(404, 409)
        )
        router.add_api_route(
            blocks, self.unblock, methods=["DELETE"], summary="Put seats back on sale.", responses=problems_of(404, 409)
        )
        router.add_api_route(
            f"{of_trip}/manifest",
            self.manifest,
            summary="The bookings of a trip in the order of their seats, with passengers.",
            responses=problems_of(404),
        )
        router.add_api_route(
            f"{of_trip}/seats/{{seat_id:id}}/explanation",
            self.explain,
            summary="Who has a seat, who had it, and who was refused it.",
            responses=problems_of(404),
        )
        router.add_api_route("/seat-plans", self.plans, summary="The stored seat plans.", responses=problems_of())
        router.add_api_route(
            of_plan, self.put_plan, methods=["PUT"], summary="Store a part of a seat plan.", responses=problems_of(409)
        )
        router.add_api_route(
            of_plan,
            self.delete_plan,
            methods=["DELETE"],
            status_code=204,
            summary="Delete a seat plan.",
            responses=problems_of(404),
        )
        return router

    async def block(self, trip_id: TripId, caller: Administering, body: models.BlockRequest) -> models.Updated:
        updates = tuple(SeatUpdate(seat, is_blocked=True, reason=body.reason) for seat in body.seat_ids)
        command = BlockSeatsCommand(trip_id=trip_id, updates=updates)
        return _updated(await self._inventory.block_seats(caller.as_member(), command))

    async def unblock(
        self,
        trip_id: TripId,
        caller: Administering,
        seat_id: Annotated[list[str], Query(description="Each seat to put back.", examples=[["seat-A1"]])],
    ) -> models.Updated:
        updates = tuple(SeatUpdate(seat, is_blocked=False) for seat in seat_id)
        command = BlockSeatsCommand(trip_id=trip_id, updates=updates)
        return _updated(await self._inventory.block_seats(caller.as_member(), command))

    async def manifest(
        self, trip_id: TripId, caller: Administering, asked: Annotated[models.ManifestAsked, Query()]
    ) -> hold_models.HoldPage:
        query = asked.query(trip_id)
        trip, page = await self._inventory.read_manifest(caller.as_organization(), query)
        holds = [described(hold, trip) for hold in page.holds]
        return hold_models.HoldPage(holds=holds, next_page_token=token_of(page.next))

    async def explain(
        self, trip_id: TripId, seat_id: SeatId, caller: Administering, page_token: str = ""
    ) -> models.Explanation:
        query = paged(page_token, lambda after: SeatQuery(trip_id=trip_id, seat_id=seat_id, after=after))
        return explained(await self._inventory.explain_seat(caller.as_organization(), query))

    async def plans(self, caller: Administering) -> models.Plans:
        found = await self._inventory.seat_plans.all(caller.as_organization())
        plans = [
            models.Plan(
                plan_id=each.plan,
                revision=each.revision,
                seat_count=each.seats,
                stored_at=moment(each.stored_at_ms // 1_000),
            )
            for each in found
        ]
        return models.Plans(plans=plans)

    async def put_plan(self, plan_id: PlanId, caller: Administering, body: models.PlanPart) -> models.PlanStored:
        actor = caller.as_member()
        part = await plan_part(actor.organization, plan_id, body)
        put = await self._inventory.seat_plans.put(actor, part)
        return models.PlanStored(stored=put.is_stored, missing_parts=list(put.missing), seat_count=put.seats)

    async def delete_plan(self, plan_id: PlanId, caller: Administering) -> Response:
        actor = caller.as_member()
        await self._inventory.seat_plans.delete(actor, plan_key(actor.organization, plan_id))
        return Response(status_code=204)


def _updated(found: SeatsUpdated) -> models.Updated:
    not_blocked = list(found.not_blocked)
    return models.Updated(updated_count=found.blocked + found.unblocked, not_blocked_seat_ids=not_blocked)
