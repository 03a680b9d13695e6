"""The description is whole and true: every call is in it, and no answer is that it does not tell."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from jsonschema import Draft202012Validator

from tests.rest.serving import web_of
from travio_inventory.api.auth.tokens import WORDS
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.service import SERVICE, STOCK_SERVICE
from travio_inventory.api.refusals import TABLE
from travio_inventory.api.rest.problems import title_of
from travio_inventory.app.service import running
from travio_inventory.cli.commands import COMMANDS
from verification.kit.in_process import settings_of
from verification.kit.tokens import AUDIENCE, ISSUER, SECRET, token

ROUTES = {
    "CheckAvailability": "GET /v1/trips/{trip_id}/availability",
    "BatchCheckAvailability": "POST /v1/availability",
    "HoldSeats": "POST /v1/holds",
    "ReleaseSeats": "POST /v1/holds/{hold_id}/release",
    "ConfirmBooking": "POST /v1/holds/{hold_id}/confirm",
    "GetSeatMap": "GET /v1/trips/{trip_id}/seatmap",
    "InitializeTripInventory": "POST /v1/trips",
    "UpdateInventory": "POST /v1/trips/{trip_id}/seat-blocks",
    "JoinWaitlist": "POST /v1/trips/{trip_id}/waitlist",
    "GetUserWaitlist": "GET /v1/waitlist",
    "GetHold": "GET /v1/holds/{hold_id}",
    "ListHolds": "GET /v1/holds",
    "ExtendHold": "POST /v1/holds/{hold_id}/extend",
    "CancelBooking": "POST /v1/bookings/{booking_id}/cancel",
    "MoveHold": "POST /v1/holds/{hold_id}/move",
    "ErasePassengers": "DELETE /v1/bookings/{booking_id}/passengers",
    "LeaveWaitlist": "DELETE /v1/trips/{trip_id}/waitlist",
    "GetTrip": "GET /v1/trips/{trip_id}",
    "GetTripSummary": "GET /v1/trips/{trip_id}/summary",
    "GetManifest": "GET /v1/trips/{trip_id}/manifest",
    "GetOrderBookings": "GET /v1/orders/{order_id}/bookings",
    "ListTripSeats": "GET /v1/trips/{trip_id}/seats",
    "PutSeatPlan": "PUT /v1/seat-plans/{plan_id}",
    "ListSeatPlans": "GET /v1/seat-plans",
    "DeleteSeatPlan": "DELETE /v1/seat-plans/{plan_id}",
    "ExplainSeat": "GET /v1/trips/{trip_id}/seats/{seat_id}/explanation",
    "ControlSales": "POST /v1/trips/{trip_id}/close",
    "ChangeTrip": "PATCH /v1/trips/{trip_id}",
    "CancelTrip": "POST /v1/trips/{trip_id}/cancel",
    "SwapVehicle": "POST /v1/trips/{trip_id}/swap",
    "ListTrips": "GET /v1/trips",
    "ListDeeds": "GET /v1/deeds",
    "WatchSeatMap": "GET /v1/trips/{trip_id}/updates",
    "GetAvailableSeats": "GET /api/inventory/events/{eventId}/seats/available",
    "ReserveSeats": "POST /api/inventory/reservations",
    "GetReservation": "GET /api/inventory/reservations/{reservationId}",
    "ConfirmReservations": "POST /api/inventory/reservations/{reservationId}/confirm",
    "CancelReservations": "POST /api/inventory/reservations/{reservationId}/cancel",
    "HealthCheck": "GET /api/inventory/health",
}
"""By call of gRPC."""
STOCK_ROUTES = {
    "GetInventory": "GET /inventory/{inventoryId}",
    "CheckAvailability": "POST /availability/check",
    "UpdateStock": "POST /inventory/{inventoryId}/adjust",
    "UpdateStockBulk": "POST /inventory/bulk",
    "ListApprovals": "GET /approvals",
    "GetApproval": "GET /approvals/{approvalId}",
    "DecideAdjustment": "POST /approvals/{approvalId}/approve",
    "ListInventory": "GET /inventory",
    "AddInventory": "POST /inventory",
    "ChangeInventory": "PUT /inventory/{inventoryId}",
    "ListMovements": "GET /inventory/{inventoryId}/movements",
    "ListWarehouses": "GET /warehouses",
    "AddWarehouse": "POST /warehouses",
    "ChangeWarehouse": "PUT /warehouses/{warehouseId}",
    "ReserveStock": "POST /reservations",
    "PreviewAllocation": "POST /allocations/preview",
    "GetReservation": "GET /reservations/{reservationId}",
    "CommitReservation": "POST /reservations/{reservationId}/commit",
    "CancelReservation": "POST /reservations/{reservationId}/cancel",
    "DraftTransfer": "POST /transfers",
    "ShipTransfer": "POST /transfers/{transferId}/ship",
    "ReceiveTransfer": "POST /transfers/{transferId}/receive",
    "CancelTransfer": "POST /transfers/{transferId}/cancel",
    "GetTransfer": "GET /transfers/{transferId}",
    "ListTransfers": "GET /transfers",
    "ListSuppliers": "GET /suppliers",
    "AddSupplier": "POST /suppliers",
    "ChangeSupplier": "PUT /suppliers/{supplierId}",
    "PlacePurchaseOrder": "POST /purchase-orders",
    "ReceivePurchaseOrder": "POST /purchase-orders/{orderId}/receive",
    "CancelPurchaseOrder": "POST /purchase-orders/{orderId}/cancel",
    "GetPurchaseOrder": "GET /purchase-orders/{orderId}",
    "ListPurchaseOrders": "GET /purchase-orders",
    "SuggestPurchases": "GET /reorder-suggestions",
    "GetStockReport": "GET /reports/stock",
}
"""By call of gRPC, under `/api/v1`."""
AT_THE_MACHINE = {
    "serve", "demo", "work", "settings", "schema", "backup", "restore", "verify", "audit", "token", "completion",
    "bench", "events", "trip example", "plan example", "plan show", "plan convert", "import example", "stock demo",
}  # fmt: skip
"""Commands, and groups of them, that ask no service: they have files, a data folder or a cluster before them."""
OF_COMMANDS = {
    "trip open": ["InitializeTripInventory"],
    "trip show": ["GetTrip"],
    "trip export": ["GetTrip", "ListTripSeats"],
    "trip manifest": ["GetManifest"],
    "trip swap": ["SwapVehicle"],
    "trip list": ["ListTrips"],
    "trip prices": ["ChangeTrip"],
    "trip times": ["ChangeTrip"],
    "trip close": ["ControlSales"],
    "trip reopen": ["ControlSales"],
    "trip freeze": ["ControlSales"],
    "trip unfreeze": ["ControlSales"],
    "trip cancel": ["CancelTrip"],
    "plan put": ["PutSeatPlan"],
    "plan list": ["ListSeatPlans"],
    "plan delete": ["DeleteSeatPlan"],
    "plan export": ["GetTrip", "ListTripSeats"],
    "import gtfs": ["InitializeTripInventory"],
    "map": ["GetSeatMap", "WatchSeatMap"],
    "summary": ["GetTripSummary"],
    "availability": ["CheckAvailability"],
    "hold": ["HoldSeats"],
    "confirm": ["ConfirmBooking"],
    "extend": ["ExtendHold"],
    "release": ["ReleaseSeats"],
    "cancel": ["CancelBooking"],
    "explain": ["ExplainSeat"],
    "move": ["MoveHold"],
    "erase": ["ErasePassengers"],
    "block": ["UpdateInventory"],
    "unblock": ["UpdateInventory"],
    "holds list": ["ListHolds"],
    "holds show": ["GetHold"],
    "waitlist join": ["JoinWaitlist"],
    "waitlist leave": ["LeaveWaitlist"],
    "waitlist list": ["GetUserWaitlist"],
    "health": ["HealthCheck"],
    "deeds": ["ListDeeds"],
}
"""Of each other command, which calls do what it does. Those about stock are a face of `stock.v1` alone."""
FOR_EVERYBODY = {"GET /livez", "GET /readyz", "GET /api/inventory/health"}


ENDLESS = "/updates$"
"""The path of streams of events, whose answers end only when the caller leaves."""
SECONDS_MAX = 600
"""Of everything that is asked, on a busy machine."""


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its method and path."""
    for path, methods in description["paths"].items():
        yield from ((f"{method.upper()} {path}", operation) for method, operation in methods.items())


@pytest.fixture(scope="module")
def address(portal: BlockingPortal) -> Iterator[str]:
    """A service that listens for HTTP."""
    settings = settings_of(None, http_host="127.0.0.1", http_port=0)
    with portal.wrap_async_context_manager(running(settings, only="http")) as app:
        yield f"http://127.0.0.1:{app.http_port}"


@pytest.fixture(scope="module")
def description(address: str) -> dict[str, Any]:
    """What it says of all its faces."""
    described: dict[str, Any] = httpx.get(f"{address}/openapi.json", timeout=60).json()
    return described


def calls_of(service: str) -> set[str]:
    """Its calls of gRPC."""
    return {method.name for method in descriptors.pool().FindServiceByName(service).methods}


def test_every_call_of_grpc_has_its_route(description: dict[str, Any]) -> None:
    described = dict(operations(description))
    assert (set(ROUTES), set(STOCK_ROUTES)) == (calls_of(SERVICE), calls_of(STOCK_SERVICE))
    of_stock = {route.replace(" ", " /api/v1", 1) for route in STOCK_ROUTES.values()}
    assert set(ROUTES.values()) | of_stock <= set(described)


def test_every_command_does_what_calls_do() -> None:
    """So each has its route, as these have."""
    asking = {each.words for each in COMMANDS if not {each.words, each.words.split()[0]} & AT_THE_MACHINE}
    of_stock = {words for words in asking if words.startswith("stock ")}
    assert asking - of_stock == set(OF_COMMANDS)
    assert {call for calls in OF_COMMANDS.values() for call in calls} <= set(ROUTES)


def test_every_operation_says_what_it_does_what_it_needs_and_what_it_may_answer(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1.")
    for name, operation in operations(description):
        assert operation["summary"].endswith((".", "?")), name
        for status, answer in operation["responses"].items():
            is_told = status[0] in "23" or name in FOR_EVERYBODY
            assert is_told or "application/problem+json" in answer["content"], (name, status)
        if name in FOR_EVERYBODY:
            assert operation["description"] == "Needs no caller.", name
            continue
        assert re.fullmatch(r"Needs the scope `[\w:]+`\.", operation["description"]), name
        assert {"400", "401", "403", "422", "429", "503"} <= set(operation["responses"]), name
        named = {parameter["name"] for parameter in operation["parameters"]}
        assert {"org_id", "user_id", "X-Organization-Id", "X-User-Id"} <= named, name


@pytest.mark.once
async def test_every_example_of_a_request_is_one_that_succeeds() -> None:
    """Each on a trip that was opened, and a hold that was made, by the examples of those calls."""
    async with web_of() as web:
        described = dict(operations((await web.client.get("/openapi.json")).json()))
        bodies = {
            name: operation["requestBody"]["content"]["application/json"]["example"]
            for name, operation in described.items()
            if "requestBody" in operation
        }
    assert len(bodies) > 10
    for name, body in bodies.items():
        method, _, path = name.partition(" ")
        async with web_of() as web:
            if name != "POST /v1/trips":
                await web.do("POST", "/v1/trips", bodies["POST /v1/trips"])
            hold = {"hold_id": ""}
            if "{hold_id}" in path or "{booking_id}" in path:
                hold = await web.do("POST", "/v1/holds", bodies["POST /v1/holds"])
            if "{booking_id}" in path:
                await web.do("POST", f"/v1/holds/{hold['hold_id']}/confirm", {"order_id": "o1"})
            ids = {"trip_id": bodies["POST /v1/trips"]["trip_id"], "plan_id": "coach-40", **hold}
            await web.do(method, path.format(**ids, booking_id=hold["hold_id"]), body)


def test_every_answer_with_a_body_has_an_example_that_it_may_be(description: dict[str, Any]) -> None:
    """Of a refusal too: with its own status, and a reason that this call may give."""
    for name, operation in operations(description):
        for code, answer in operation["responses"].items():
            for kind, form in answer.get("content", {}).items():
                assert form["example"], (name, code)
                if kind == "application/problem+json":
                    told = form["example"]
                    assert (told["status"], told["title"]) == (int(code), title_of(int(code))), (name, code)
                    assert told["reason"] in reasons_of(int(code)), (name, code)
                if kind.endswith("json"):
                    Draft202012Validator(form["schema"] | {"components": description["components"]}).validate(
                        form["example"]
                    )


def reasons_of(status: int) -> set[str]:
    """Of refusals that have that status; and what HTTP itself calls it."""
    ours = {kind.reason for kind, answer in TABLE.items() if answer.http == status}
    return ours | {title_of(status).upper().replace(" ", "_")} | ({"INVALID_REQUEST"} if status == 400 else set())


TOKENS: dict[str, Any] = {"auth": "jwt", "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, "jwt_secret": SECRET}
OPERATOR = token(org="default", sub="alice", scope=" ".join(sorted(WORDS - {"delegate"})))


@pytest.fixture(scope="module", params=["off", "jwt"])
def asking(request: pytest.FixtureRequest, portal: BlockingPortal) -> Iterator[list[str]]:
    """Where a service listens, and its caller, as schemathesis is told them; without tokens and with them."""
    with_tokens = request.param == "jwt"
    settings = settings_of(None, http_host="127.0.0.1", http_port=0, **(TOKENS if with_tokens else {}))
    with portal.wrap_async_context_manager(running(settings, only="http")) as app:
        who = f"Authorization: Bearer {OPERATOR}" if with_tokens else "X-User-Id: alice"
        yield [f"http://127.0.0.1:{app.http_port}/openapi.json", "--header", who]


@pytest.mark.parametrize(
    "much",
    [
        pytest.param(["--phases", "fuzzing", "--max-examples", "1"], id="a little", marks=pytest.mark.once),
        pytest.param(
            ["--phases", "examples,coverage,fuzzing", "--max-examples", "20"], id="much", marks=pytest.mark.thorough
        ),
    ],
)
@pytest.mark.timeout(SECONDS_MAX)
def test_no_answer_is_an_error_of_ours_or_is_not_described(asking: list[str], tmp_path: Path, much: list[str]) -> None:
    """A request that the description allows may be refused: ids and journeys have rules that a schema cannot tell."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", *asking, "--seed", "1", "--no-color"]
    others = ["--exclude-checks", "positive_data_acceptance"]
    others += ["--exclude-path-regex", ENDLESS, "--suppress-health-check"]
    done = subprocess.run(
        [*command, *others, "all", *much],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    assert re.search(r"\d+ generated", done.stdout), done.stdout
