"""Examples of requests and answers for the description: made of its schemas, a name has the same value everywhere."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from travio_inventory.api.map_colors import STATUS_COLORS
from travio_inventory.api.rest.problems import MEDIA_TYPE, members, members_of, title_of
from travio_inventory.api.rest.routes import Problem
from travio_inventory.kernel.refusals import (
    BackendUnavailable,
    InvalidRequest,
    PermissionDenied,
    RateLimited,
    Refusal,
    Unauthenticated,
    Violation,
)
from travio_inventory.seats.refusals import (
    HoldExpired,
    HoldNotFound,
    SeatHeld,
    SeatPlanNotFound,
    TakenCell,
    TripNotFound,
)
from travio_inventory.stock.refusals import InsufficientStock, StockNotFound, VersionConflict

MOMENT_MS: Final = 1_811_842_200_000
HOLD: Final = "dhaka-chattogram-0605~0~3190a7a4afb35fe2b8ef0ce463a471db"
VALUES: Final[Mapping[str, object]] = MappingProxyType(
    {
        "as_of": "2027-06-01T09:30:00Z",
        "at_ms": MOMENT_MS,
        "available_seats": 40,
        "arrival_time": "2027-06-05T08:00:00Z",
        "booking_id": HOLD,
        "changed_at_ms": MOMENT_MS,
        "checked_at": "2027-06-01T09:30:00Z",
        "created_at": "2027-06-01T09:30:00Z",
        "currency": "BDT",
        "departure_time": "2027-06-05T02:30:00Z",
        "done": True,
        "detail": "seat query contention - please retry: seat-A1 held",
        "domain": "inventory.travio",
        "expires_at": "2027-06-01T09:40:00Z",
        "failure_reason": "",
        "free": 40,
        "from_segment_index": 0,
        "from_station_id": "dhaka",
        "groups_done": 1,
        "groups_total": 1,
        "hold_expires_at": "2027-06-01T09:40:00Z",
        "hold_id": HOLD,
        "is_available": True,
        "largest_run": 4,
        "left_holds": [],
        "left_out": "A plain lost race leaves no trace.",
        "legend": STATUS_COLORS,
        "lowest_price_paisa": 120_000,
        "message": "you are number 1",
        "missing_parts": [],
        "moved": 12,
        "next_page_token": "",
        "not_blocked_seat_ids": [],
        "given_back_count": 1,
        "opening": None,
        "opened_at": "2027-05-01T00:00:00Z",
        "order_id": "order-1",
        "organization_id": "acme",
        "page_token": "",
        "passenger_name": "Rahima Akter",
        "passenger_nid": "19904712345678901",
        "plan_id": "coach-40",
        "position": 1,
        "price_minor": 120_000,
        "price_paisa": 120_000,
        "reason": "SEAT_HELD",
        "requested_seats": 2,
        "row_number": 1,
        "seat_class": "economy",
        "seat_count": 40,
        "seat_id": "seat-A1",
        "seat_ids": ["seat-A1"],
        "held_seat_ids": ["seat-A1"],
        "failed_seat_ids": [],
        "remaining_seat_ids": [],
        "seat_labels": [""],
        "seat_number": "A1",
        "seat_numbers": ["A1"],
        "seat_prices_minor": [120_000],
        "seat_type": "window",
        "seats_created": 40,
        "segments_created": 1,
        "since_ms": MOMENT_MS,
        "stored": True,
        "stored_at": "2027-05-01T00:00:00Z",
        "ticket_id": "3613BB055C16FBEC52AF",
        "time_zone": "Asia/Dhaka",
        "title": "Conflict",
        "to_segment_index": 0,
        "total_columns": 4,
        "total_rows": 10,
        "to_station_id": "chattogram",
        "trip_id": "dhaka-chattogram-0605",
        "type": "about:blank",
        "updated_count": 1,
        "user_id": "rahima",
        "vehicle_id": "coach-7",
        "vehicle_type": "coach",
        "version": 1,
    }
)
"""By the name of a member. Others are examples of their schema, or what they are by default."""


REFUSED: Final[Mapping[int, Refusal]] = MappingProxyType(
    {
        400: InvalidRequest([Violation("body", "must be JSON")]),
        401: Unauthenticated("invalid_token", "the token has expired"),
        403: PermissionDenied("hold"),
        409: SeatHeld([TakenCell("seat-A1", 0, "held")]),
        410: HoldExpired(MOMENT_MS),
        412: VersionConflict(7),
        422: InvalidRequest([Violation("page_size", "must be 0 to 100")]),
        429: RateLimited("holder", retry_after_ms=1_500),
        503: BackendUnavailable(),
    }
)
"""A refusal of each status; what has no status here is told by HTTP itself."""
NOT_FOUND: Final = (
    ("/api/v1/", StockNotFound()),
    ("/seat-plans/", SeatPlanNotFound()),
    *((part, HoldNotFound()) for part in ("{hold_id", "{booking_id", "{reservationId", "/release", "/purchase")),
    ("", TripNotFound()),
)
"""What is not there, by a part of the path of what is asked for: the first that is in it."""


def add_examples(made: dict[str, Any]) -> None:
    """Give each body and each answer of the description an example, where it has none."""
    examples = _Examples(made.get("components", {}).get("schemas", {}))
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _add(operation.get("requestBody", {}), examples.asked)
            for status, answer in operation["responses"].items():
                _add_problem(answer, path, int(status), examples)
                _add(answer, examples.told)


def _add_problem(answer: dict[str, Any], path: str, status: int, examples: "_Examples") -> None:
    """Of an answer that is a refusal, one that it may be; and what its form has besides."""
    if (form := answer.get("content", {}).get(MEDIA_TYPE)) is None:
        return
    said = title_of(status)
    told = members(status, said.lower(), reason=said.upper().replace(" ", "_")) | {"metadata": {}}
    if (refusal := _refusal_of(path, status)) is not None:
        told = members_of(refusal, status=status)
    whole = examples.told(form["schema"])
    besides = {name: value for name, value in whole.items() if name not in Problem.model_fields}
    form["example"] = told | besides | ({"error": told["detail"]} if "error" in besides else {})


def _refusal_of(path: str, status: int) -> Refusal | None:
    if status == HTTPStatus.NOT_FOUND:
        return next(refusal for part, refusal in NOT_FOUND if part in path)
    if status == HTTPStatus.CONFLICT and path.startswith("/api/v1/"):
        return InsufficientStock(3)
    return REFUSED.get(status)


def _add(message: dict[str, Any], make: Callable[[Mapping[str, Any]], object]) -> None:
    for form in message.get("content", {}).values():
        if "schema" in form and "example" not in form:
            form["example"] = make(form["schema"])


class _Examples:
    """Values that the schemas allow."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas

    def asked(self, schema: Mapping[str, Any]) -> object:
        """A request: with the members that it must have, and those that are shown."""
        return self._example(schema, "", is_asked=True)

    def told(self, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """An answer, with all its members."""
        return self._example(schema, "", is_asked=False)

    def _example(self, schema: Mapping[str, Any], name: str, *, is_asked: bool) -> object:
        if "$ref" in schema:
            return self._example(self._schemas[schema["$ref"].rpartition("/")[2]], name, is_asked=is_asked)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        kinds = schema.get("anyOf", [schema])
        if name in VALUES and _kind_of(VALUES[name]) in {kind.get("type", "object") for kind in kinds}:
            return VALUES[name]
        if "anyOf" in schema:
            return self._example(kinds[0], name, is_asked=is_asked)
        return self._of_type(schema, is_asked=is_asked)

    def _of_type(self, schema: Mapping[str, Any], *, is_asked: bool) -> object:
        match schema.get("type"):
            case "object":
                members, required = schema.get("properties", {}), schema.get("required", ())
                return {
                    name: self._example(each, name, is_asked=is_asked)
                    for name, each in members.items()
                    if not is_asked or name in required or "examples" in each
                }
            case "array":
                return [self._example(schema["items"], "", is_asked=is_asked)]
            case kind:
                empty: dict[object, object] = {"string": "", "integer": 0, "number": 0.0, "boolean": False}
                return schema.get("default", empty.get(kind))


def _kind_of(value: object) -> str:
    """What JSON calls it."""
    kinds = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object", type(None): "null"}
    return kinds[type(value)]
