"""Holds over HTTP: made, read, extended, moved, booked and released."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from travio_inventory.api.auth.caller import Caller
from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.holds_told import expires_at_s, failure_of, given_back
from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.refusals import TABLE
from travio_inventory.api.rest import problems
from travio_inventory.api.rest.callers import Confirming, Holding, Needs, Reading
from travio_inventory.api.rest.json_text import moment, written
from travio_inventory.api.rest.json_types import AskedInt32
from travio_inventory.api.rest.native import hold_answers as answers
from travio_inventory.api.rest.native import hold_models as models
from travio_inventory.api.rest.native.idempotency import IdempotencyKey, read_key
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.paths import part_of_path
from travio_inventory.api.rest.routes import Route, problem_of, problems_of, quick_route
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown, Refusal
from travio_inventory.seats.commands import ExtendHoldCommand, GiveBackCommand, HoldSeatsCommand, HoldsQuery, hold_ref
from travio_inventory.seats.hold import Hold
from travio_inventory.seats.refusals import HoldEnded, HoldNotFound
from travio_inventory.seats.trip import Trip
from travio_inventory.seats.use_cases import Inventory

HoldId = Annotated[str, Path(description="The id of a hold.", examples=["dhaka-chattogram-0605~0~5f0c2a"])]


JSON = "application/json"
HOLDERS = Needs(Grant.HOLD)
NOT_HELD = (409, 429)
"""The statuses of refusals that also have what old clients read."""
NO_HOLD = {status: told for each in NOT_HELD for status, told in problem_of(each, models.NotHeld).items()}


class HoldRoutes:
    """Each is a use case of a hold."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/holds", tags=["holds"], route_class=Route)
        of_hold = "/{hold_id:id}"
        router.add_api_route(
            "",
            self.hold,
            methods=["POST"],
            status_code=201,
            summary="Hold seats, all of them or none.",
            responses={201: {"model": models.Held}, **problems_of(404, 410), **NO_HOLD},
            route_class_override=quick_route(self._usual_hold),
        )
        router.add_api_route("", self.page, summary="The holds of a user.", responses=problems_of())
        router.add_api_route(of_hold, self.one, summary="A hold as it is now.", responses=problems_of(404))
        router.add_api_route(
            of_hold,
            self.delete,
            methods=["DELETE"],
            status_code=204,
            summary="Release a hold: its seats are free at once.",
            responses=problems_of(),
        )
        for path, call, summary, others in (
            ("extend", self.extend, "Keep the seats longer.", (404, 409, 410)),
            ("confirm", self.confirm, "Book the seats, or some of them.", (404, 409, 410)),
            ("move", self.move, "Other seats, another journey, or both.", (404, 409, 410)),
            ("release", self.release, "Release a hold, or some of its seats.", (404, 409, 410)),
        ):
            router.add_api_route(
                f"{of_hold}/{path}", call, methods=["POST"], summary=summary, responses=problems_of(*others)
            )
        return router

    async def hold(self, caller: Holding, body: models.HoldRequest, key: IdempotencyKey) -> Response:
        return await self._hold(body.of(caller).as_user(), body.command(key))

    async def _usual_hold(self, request: Request) -> Response | None:
        """A body that has the form of the request."""
        try:
            body = models.HoldRequest.model_validate(await request.json())
        except ValueError:  # no JSON, or another form
            return None
        caller = await HOLDERS(request)
        return await self.hold(caller, body, read_key(request.headers))

    async def _hold(self, actor: Actor, command: HoldSeatsCommand) -> Response:
        try:
            hold = await self._inventory.hold_seats(actor, command)
        except Refusal as refusal:
            if TABLE[type(refusal)].http not in NOT_HELD:
                raise
            failed, said = failure_of(refusal, command.seat_ids)
            told = {"hold_id": "", "success": False, "held_seat_ids": [], "failed_seat_ids": failed}
            told |= {"expires_at": None, "failure_reason": said}
            return problems.answer(problems.members_of(refusal) | told, problems.headers_of(refusal))
        made = answers.held(hold)
        headers = {"location": f"/v1/holds/{part_of_path(str(made['hold_id']))}"}
        return Response(written(made), 201, headers, JSON)

    async def page(
        self,
        caller: Reading,
        trip_id: Annotated[str, Query(description="Only of this trip.")] = "",
        include_ended: bool = False,
        page_size: AskedInt32 = 0,
        page_token: str = "",
    ) -> models.HoldPage:
        query = paged(
            page_token,
            lambda after: HoldsQuery(trip_id=trip_id, include_ended=include_ended, after=after, page_size=page_size),
        )
        actor = caller.as_user()
        found = await self._inventory.read_holds.page(actor, query)
        holds = [answers.described(hold, await self._inventory.read_trips.of_hold(actor, hold)) for hold in found.holds]
        return models.HoldPage(holds=holds, next_page_token=token_of(found.next))

    async def one(self, hold_id: HoldId, caller: Reading) -> models.Hold:
        actor = caller.as_user()
        hold = await self._inventory.read_holds.one(actor, hold_ref(hold_id))
        return answers.described(hold, await self._inventory.read_trips.of_hold(actor, hold))

    async def delete(self, hold_id: HoldId, caller: Holding) -> Response:
        """A hold that is over or not yours is a wrong request, as old clients have it."""
        try:
            await self._inventory.release_hold(caller.as_user(), GiveBackCommand(hold_id=hold_id))
        except (HoldNotFound, HoldEnded) as refusal:
            return problems.answer(problems.members_of(refusal, status=400))
        return Response(status_code=204)

    async def release(self, hold_id: HoldId, caller: Holding, body: models.SeatsRequest) -> models.GivenBack:
        command = GiveBackCommand(hold_id=hold_id, seat_ids=tuple(body.seat_ids))
        count, left = given_back(await self._inventory.release_hold(caller.as_user(), command), command.parts)
        return models.GivenBack(given_back_count=count, remaining_seat_ids=left)

    async def extend(self, hold_id: HoldId, caller: Holding, body: models.ExtendRequest) -> models.Extended:
        command = ExtendHoldCommand(hold_id=hold_id, ttl_s=body.hold_duration_seconds)
        hold = await self._inventory.extend_hold(caller.as_user(), command)
        return models.Extended(hold_id=hold_id, expires_at=moment(expires_at_s(hold)))

    async def confirm(self, hold_id: HoldId, caller: Confirming, body: models.ConfirmRequest) -> models.Booked:
        hold = await self._inventory.confirm_hold(caller.as_user(), body.command(hold_id))
        return answers.booked(hold, await self._trip_after(caller, hold))

    async def move(self, hold_id: HoldId, caller: Holding, body: models.MoveRequest) -> models.Moved:
        hold = await self._inventory.move_hold(caller.as_user(), body.command(hold_id))
        return answers.moved(hold, await self._trip_after(caller, hold))

    async def _trip_after(self, caller: Caller, hold: Hold) -> Trip:
        """The trip of a hold for which something was done just now. Raises OutcomeUnknown."""
        try:
            return await self._inventory.read_trips.of_hold(caller.as_user(), hold)
        except BackendUnavailable:  # it would mean that nothing was done
            raise OutcomeUnknown from None
