"""What the house did is told over gRPC and HTTP to who may administer: page by page, and each deed once."""

from datetime import UTC, datetime

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from tests.api.serving import Client, serving
from tests.rest.serving import web_of
from travio_inventory.api.page_tokens import token_of
from travio_inventory.wire.inventory import v1

DEEDS = "/v1/deeds"


def month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"


async def block(client: Client, seat: str) -> None:
    update = v1.SeatUpdate(seat_id=seat, new_status=v1.SeatStatus.BLOCKED, reason="broken")
    await client.stub.update_inventory(v1.UpdateInventoryRequest(trip_id="T", organization_id="org", updates=[update]))


async def test_each_deed_is_told_once_and_as_it_ended_page_by_page() -> None:
    async with serving() as client:
        await block(client, "1A")
        await client.hold("u1", "1B")
        await client.stub.control_sales(
            v1.ControlSalesRequest(trip_id="T", organization_id="org", action=v1.SalesAction.CLOSE)
        )
        found: list[v1.Deed] = []
        token, pages = "", 0
        while token or not pages:
            asked = v1.ListDeedsRequest(organization_id="org", month=month(), page_size=1, page_token=token)
            page = await client.stub.list_deeds(asked)
            found, token, pages = [*found, *page.deeds], page.next_page_token, pages + 1
        assert [(deed.what, deed.about, deed.outcome) for deed in found] == [
            ("open trip", "T", "done"),
            ("block or unblock seats", "T block 1A", "done"),
            ("control sales", "T CLOSE", "done"),
        ]
        assert pages == 3
        assert len({deed.deed_id for deed in found}) == 3
        assert found == (await client.stub.list_deeds(v1.ListDeedsRequest(organization_id="org"))).deeds
        assert (await client.stub.list_deeds(v1.ListDeedsRequest(organization_id="other"))).deeds == []
        old = v1.ListDeedsRequest(organization_id="org", month="1999-12")
        assert (await client.stub.list_deeds(old)).deeds == []


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("month", v1.ListDeedsRequest(organization_id="org", month="2027-13")),
        ("page_size", v1.ListDeedsRequest(organization_id="org", page_size=501)),
        ("page_token", v1.ListDeedsRequest(organization_id="org", page_token=token_of("x"))),
    ],
)
async def test_what_is_asked_wrongly_is_refused_by_its_name(field: str, asked: v1.ListDeedsRequest) -> None:
    async with serving() as client:
        with pytest.raises(GRPCError) as refused:
            await client.stub.list_deeds(asked)
    assert refused.value.status is Status.INVALID_ARGUMENT
    assert field in str(refused.value.message)


async def test_http_tells_the_same_deeds() -> None:
    """A refused one with its reason."""
    async with web_of() as web:
        assert (await web.open()).status_code == 201
        assert (await web.open(vehicle_id="another")).status_code == 409
        first = await web.do("GET", f"{DEEDS}?page_size=1")
        assert [(each["what"], each["outcome"]) for each in first["deeds"]] == [("open trip", "done")]
        token = first["next_page_token"]
        rest = await web.do("GET", f"{DEEDS}?month={month()}&page_token={token}")
        assert [(each["about"], each["outcome"]) for each in rest["deeds"]] == [("T/1", "TRIP_DEFINED_OTHERWISE")]
        assert rest["next_page_token"] == ""
        wrong = await web.client.get(DEEDS, params={"month": "soon"})
        assert (wrong.status_code, "month" in wrong.text) == (422, True)
