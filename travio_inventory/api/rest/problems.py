"""Refusals as RFC 9457 has them: the status of the table, and the same details as gRPC's."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from travio_inventory.api.auth.challenges import challenge
from travio_inventory.api.refusals import (
    DOMAIN,
    MESSAGE_CHARS_MAX,
    TABLE,
    cells_told,
    metadata,
    while_there_is_room,
)
from travio_inventory.api.rest.json_text import written
from travio_inventory.kernel.refusals import InvalidRequest, Refusal, RetryableRefusal
from travio_inventory.seats.refusals import SeatTaken

MEDIA_TYPE: Final = "application/problem+json"
UNKNOWN_TYPE: Final = "about:blank"
"""The type of a problem that says no more than its status; `reason` says what it was."""

_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
"""Statuses that Python before 3.13 calls by an older name."""


def members_of(refusal: Refusal, *, status: int | None = None) -> dict[str, Any]:
    """The members of the problem, with the status of the table unless another is given."""
    said = str(refusal)[:MESSAGE_CHARS_MAX]
    told = members(status or TABLE[type(refusal)].http, said, reason=refusal.reason)
    told["metadata"] = metadata(refusal)
    match refusal:
        case InvalidRequest(violations=violations):
            told["errors"] = wrong_fields(violations)
        case SeatTaken(cells=cells):
            told["taken"] = [_cell(*cell) for cell in cells_told(cells)]
        case RetryableRefusal(retry_after_ms=retry_after_ms):
            told["retry_after_ms"] = retry_after_ms
        case _:
            pass
    return told


def members_of_form(error: RequestValidationError, *, invalid: int = 422) -> dict[str, Any]:
    """What is wrong with the form of a request. A body that is no JSON is no request; others have wrong fields."""
    found = error.errors()
    is_json = all(each["type"] != "json_invalid" for each in found)
    fields = [(_field_of(each), str(each["msg"])) for each in found]
    said = "; ".join(f"{field}: {detail}" for field, detail in fields)[:MESSAGE_CHARS_MAX]
    told = members(invalid if is_json else 400, said, reason=InvalidRequest.reason)
    return told | {"errors": wrong_fields(fields)}


def _field_of(error: Any) -> str:  # noqa: ANN401 - pydantic's own
    """The field as our own refusals name it: "seats[2].seat_id"; "body" where all of it is wrong."""
    place, *within = error["loc"]
    path = ""
    for part in within if error["type"] != "json_invalid" else ():
        path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
    return path or str(place)


def title_of(status: int) -> str:
    """What RFC 9110 calls the status, on every Python."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def members_of_http(error: HTTPException) -> dict[str, Any]:
    """What HTTP itself has a status for: no such path, a body that is too large, one that is no text."""
    return members(error.status_code, error.detail, reason=title_of(error.status_code).upper().replace(" ", "_"))


def members(status: int, detail: str, *, reason: str) -> dict[str, Any]:
    """The members that every problem has."""
    return {
        "type": UNKNOWN_TYPE,
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "reason": reason,
        "domain": DOMAIN,
        "metadata": {},
    }


def headers_of(refusal: Refusal) -> dict[str, str]:
    """The headers of the answer besides its type: when to retry, and how to be let in."""
    headers = {}
    if isinstance(refusal, RetryableRefusal):
        headers["retry-after"] = str(-(-refusal.retry_after_ms // 1_000))
    if asked := challenge(refusal):
        headers["www-authenticate"] = asked
    return headers


def wrong_fields(violations: Iterable[tuple[str, str]]) -> Sequence[Mapping[str, str]]:
    """What is wrong with each field, as much of it as there is room for."""
    return [{"field": field, "detail": detail} for field, detail in while_there_is_room(violations)]


def answer(members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer, with the status among its members."""
    return Response(written(members), int(members["status"]), headers, MEDIA_TYPE)


def refused(refusal: Refusal) -> Response:
    """The refusal as an answer."""
    return answer(members_of(refusal), headers_of(refusal))


def _cell(status: str, subject: str) -> Mapping[str, Any]:
    seat, _, segment = subject.rpartition("/")
    return {"seat_id": seat, "segment_index": int(segment), "status": status}
