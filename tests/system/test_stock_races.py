"""Stock over real sockets: shipped, received, cancelled, committed at once; and a bulk whose service is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import ORGANIZATION, ServiceProcess, serving

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(480)]

TRIES_MAX = 200
ROUNDS = 8
LINES = 10_000
ENTRIES = 200
SETTINGS = {"TRAVIO_STOCK_APPROVAL_ABOVE": "1000"}


class Web:
    """Calls over HTTP; what is to be tried again is."""

    def __init__(self, http: httpx.AsyncClient, random: Random) -> None:
        self._http = http
        self._random = random

    async def __call__(self, method: str, path: str, body: object = None, *, key: str = "", **query: str) -> Any:  # noqa: ANN401 - JSON
        for _ in range(TRIES_MAX):
            headers = {"idempotency-key": key} if key else {}
            answer = await self._http.request(method, path, json=body, headers=headers, params=query)
            if answer.status_code not in (429, 503) and answer.json().get("reason") != "STOCK_CONTENDED":
                return answer.json()
            await asyncio.sleep(self._random.uniform(0.02, 0.2))
        raise AssertionError(answer.text)

    async def every(self, path: str, **query: str) -> list[dict[str, Any]]:
        found, token, is_more = [], "", True
        while is_more:
            page = await self("GET", path, page_token=token, **query)
            found += page["items"]
            token, is_more = page["nextPageToken"], bool(page["nextPageToken"])
        return found

    async def totals(self, sku: str) -> dict[str, int]:
        """By warehouse; each is the sum of its movements, in their order."""
        entries = await self.every(f"/inventory/sku/{sku}")
        for entry in entries:
            balance = 0
            for each in await self.every(f"/inventory/{entry['inventoryId']}/movements"):
                balance += each["quantity"]
                assert each["balanceAfter"] == balance >= 0
            assert entry["quantityTotal"] == balance == entry["quantityAvailable"] + entry["quantityReserved"]
        return {each["warehouseId"]: each["quantityTotal"] for each in entries}


@pytest.fixture(params=range(2))
def random(request: pytest.FixtureRequest) -> Random:
    return Random(request.param)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    async with serving(tmp_path, TRAVIO_HTTP_PORT=str(free_port()), **SETTINGS) as made:
        yield made


@pytest.fixture
async def web(service: ServiceProcess, random: Random) -> AsyncIterator[Web]:
    whose = {"x-organization-id": ORGANIZATION, "x-user-id": "ann"}
    address = f"http://127.0.0.1:{service.web_port}/api/v1"
    async with httpx.AsyncClient(base_url=address, headers=whose, timeout=60) as http:
        yield Web(http, random)


async def opened(web: Web, sku: str, *quantities: int) -> list[str]:
    """Warehouses with so many each."""
    named = []
    for number, quantity in enumerate(quantities):
        where = (await web("POST", "/warehouses", {"code": f"w{number}", "name": "W"}))["warehouseId"]
        await web("POST", "/inventory", {"productId": "p", "warehouseId": where, "sku": sku, "quantity": quantity})
        named.append(where)
    return named


async def test_a_transfer_that_is_shipped_received_and_cancelled_at_once_loses_no_unit(
    web: Web, random: Random
) -> None:
    for number in range(ROUNDS):
        sku = f"cup{number}"
        source, target = await opened(web, sku, 100, 0)
        body = {"sku": sku, "fromWarehouseId": source, "toWarehouseId": target, "quantity": 40}
        path = f"/transfers/{(await web('POST', '/transfers', body, key=sku))['transferId']}"
        steps = [web("POST", f"{path}/ship") for _ in range(4)]
        for each in range(12):
            part = {"received": random.randint(1, 9), random.choice(("rejected", "lost")): random.randint(0, 4)}
            steps += [web("POST", f"{path}/receive", part, key=f"r{each % 8}") for _ in range(2)]
        if number % 2:
            steps += [web("POST", f"{path}/cancel", {"inTransit": choice}) for choice in ("BACK", "LOST")]
        random.shuffle(steps)
        await asyncio.gather(*steps)
        told = {name.removeprefix("quantity"): value for name, value in (await web("GET", path)).items()}
        ends = [told[name] for name in ("Received", "Rejected", "Lost", "Returned", "InTransit")]
        assert (told["Shipped"], min(ends) >= 0) == (sum(ends), True)
        assert told["Shipped"] in {40, 0 if told["status"] == "CANCELLED" else 40}
        assert await web.totals(sku) == {source: 100 - told["Shipped"] + told["Returned"], target: told["Received"]}


async def test_never_more_is_received_than_was_ordered_however_many_receive_and_cancel_at_once(
    web: Web, random: Random
) -> None:
    supplier = (await web("POST", "/suppliers", {"code": "acme", "name": "Acme"}))["supplierId"]
    for number in range(ROUNDS):
        sku = f"cup{number}"
        places = await opened(web, sku, 0, 0)
        lines = [{"sku": sku, "warehouseId": each, "quantity": 30} for each in places]
        order = await web("POST", "/purchase-orders", {"supplierId": supplier, "lines": lines}, key=sku)
        path = f"/purchase-orders/{order['purchaseOrderId']}"
        steps = []
        for each in range(12):
            came = [line | {"quantity": random.randint(1, 12)} for line in random.sample(lines, random.randint(1, 2))]
            steps += [web("POST", f"{path}/receive", {"lines": came}, key=f"r{each}") for _ in range(2)]
        if number % 2:
            steps += [web("POST", f"{path}/cancel") for _ in range(2)]
        random.shuffle(steps)
        await asyncio.gather(*steps)
        told = (await web("GET", path))["lines"]
        assert await web.totals(sku) == {each["warehouseId"]: each["quantityReceived"] for each in told}
        assert all(each["quantityReceived"] <= 30 for each in told)


async def test_what_is_committed_cancelled_and_expires_at_once_has_one_end(web: Web, random: Random) -> None:
    await opened(web, "cup", 150, 50)

    async def ordered(number: int) -> int:
        body = {"orderId": f"o{number}", "items": [{"sku": "cup", "quantity": random.randint(1, 5)}], "ttlSeconds": 1}
        made = await web("POST", "/reservations", body, key=f"o{number}")
        if made.get("reason") == "INSUFFICIENT_STOCK":
            return 0
        path = f"/reservations/{made['reservationId']}"
        await asyncio.sleep(random.uniform(0.7, 1.4))
        await asyncio.gather(
            *(web("POST", f"{path}/{step}") for step in random.choices(["commit", "cancel"], [3, 1], k=4))
        )
        now = await web("GET", path)
        return sum(line["quantity"] for line in now["lines"]) if now["status"] == "COMMITTED" else 0

    sold = sum(await asyncio.gather(*(ordered(number) for number in range(100))))
    async with asyncio.timeout(60):
        while any(each["quantityReserved"] for each in await web.every("/inventory")):  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.2)
    assert sum((await web.totals("cup")).values()) == 200 - sold


async def test_a_bulk_whose_service_is_killed_goes_on_where_it_was(
    service: ServiceProcess, web: Web, random: Random
) -> None:
    (where,) = await opened(web, "s0", 10)
    for number in range(1, ENTRIES):
        await web("POST", "/inventory", {"productId": "p", "warehouseId": where, "sku": f"s{number}", "quantity": 10})
    lines = [
        {"sku": f"s{random.randrange(ENTRIES)}", "warehouseId": where, "reason": "delivery", "quantity": quantity}
        for quantity in random.choices((1, -100, 5_000), (8, 1, 1), k=LINES)
    ]
    body = {"lines": lines}
    for _ in range(3):
        under_way = asyncio.ensure_future(web("POST", "/inventory/bulk", body, key="k"))
        await asyncio.sleep(random.uniform(0.3, 1.5))
        service.kill()
        with suppress(httpx.TransportError):
            await under_way
        await service.start()
    told = await web("POST", "/inventory/bulk", body, key="k")
    for _ in range(TRIES_MAX):
        if not told["notDone"] + told["unknown"]:
            break
        told = await web("POST", "/inventory/bulk", body, key="k")
    assert (told["notDone"], told["unknown"]) == (0, 0)
    statuses = {1: "DONE", -100: "REFUSED", 5_000: "WAITING"}
    assert [each["line"] for each in told["results"]] == [*range(1, LINES + 1)]
    assert [each["status"] for each in told["results"]] == [statuses[int(line["quantity"])] for line in lines]
    added = Counter(line["sku"] for line in lines if line["quantity"] == 1)
    entries = {each["sku"]: each["quantityTotal"] for each in await web.every("/inventory")}
    assert entries == {f"s{number}": 10 + added[f"s{number}"] for number in range(ENTRIES)}
    assert len(await web.every("/approvals")) == told["waiting"]
