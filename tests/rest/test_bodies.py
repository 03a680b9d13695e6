"""A body is JSON, says so, and names each member once: whatever the call."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from travio_inventory.app.service import running
from verification.kit.in_process import settings_of

JSON = "application/json"
INVALID = {"/api/inventory/": 400}
"""The status of a wrong request where it is not 422, by how the path begins."""


class Served(NamedTuple):
    """A service that listens, and its calls that take a body: method and path."""

    http: httpx.Client
    calls: list[tuple[str, str]]


def _with_a_body(description: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, methods in description["paths"].items():
        filled = path.replace("{eventId}", "1")
        for method, operation in methods.items():
            if "requestBody" in operation:
                yield method.upper(), filled.replace("{", "").replace("}", "")


@pytest.fixture(scope="module")
def served(portal: BlockingPortal) -> Iterator[Served]:
    settings = settings_of(None, http_host="127.0.0.1", http_port=0)
    with portal.wrap_async_context_manager(running(settings, only="http")) as app:
        address = f"http://127.0.0.1:{app.http_port}"
        with httpx.Client(base_url=address, headers={"x-user-id": "ann"}, timeout=60) as http:
            calls = list(_with_a_body(http.get("/openapi.json").json()))
            assert len(calls) > 40
            yield Served(http, calls)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
def test_a_body_that_is_not_said_to_be_json_is_415(served: Served, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    for method, path in served.calls:
        answer = served.http.request(method, path, content=b"{}", headers=headers)
        told = answer.status_code, answer.headers["content-type"], answer.headers["accept"]
        assert told == (415, "application/problem+json", JSON), (method, path)
        assert "Content-Type: must be application/json" in answer.json()["detail"]


@pytest.mark.parametrize("kind", [JSON, "Application/JSON; charset=utf-8", "application/vnd.api+json"])
def test_whatever_is_json_is_read(served: Served, kind: str) -> None:
    for method, path in served.calls:
        answer = served.http.request(method, path, content=b"[]", headers={"content-type": kind})
        assert answer.status_code in (400, 422), (method, path, answer.text)


@pytest.mark.parametrize("padding", [0, 20_000], ids=["small", "large"])
def test_a_member_that_is_named_twice_is_refused_by_its_name(served: Served, padding: int) -> None:
    sent = b'{"a": {"seat": "1A", "seat": "1B"}, %s"b": 1}' % (b" " * padding)
    for method, path in served.calls:
        answer = served.http.request(method, path, content=sent, headers={"content-type": JSON})
        invalid = next((status for begins, status in INVALID.items() if path.startswith(begins)), 422)
        assert (answer.status_code, answer.json()["reason"]) == (invalid, "INVALID_REQUEST"), (method, path)
        assert answer.json()["errors"] == [{"field": "seat", "detail": "is named twice in one object"}]


def test_who_holds_a_seat_for_two_trips_at_once_holds_none(served: Served) -> None:
    """The usual hold has a reader of its own: what it reads means as much."""
    for trip in ("T1", "T2"):
        opened = {"trip_id": trip, "segments": [{"from_station_id": "A", "to_station_id": "B"}]}
        seats = {"seat_config": {"seats": [{"seat_id": "1A"}]}, "currency": "BDT"}
        assert served.http.post("/v1/trips", json=opened | seats).status_code == 201
    sent = b'{"trip_id": "T1", "seat_ids": ["1A"], "trip_id": "T2"}'
    answer = served.http.post("/v1/holds", content=sent, headers={"content-type": JSON})
    assert (answer.status_code, [wrong["field"] for wrong in answer.json()["errors"]]) == (422, ["trip_id"])
    free = [served.http.get(f"/v1/trips/{trip}/availability").json()["available_seats"] for trip in ("T1", "T2")]
    assert free == [1, 1]
