"""The demo of stock: a flash sale of 100 units to 5,000 buyers over three warehouses, drawn before, while and after."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex
from typing import Final, TypeVar

from travio_inventory.bench.own_server import OwnServer
from travio_inventory.bench.report import Board
from travio_inventory.cli.connection_options import PORT_DEFAULT
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.client import InventoryClient
from travio_inventory.client.stock import InsufficientStock, Site, StockEntry, StockReservation
from travio_inventory.kernel.refusals import OutcomeUnknown, RetryableRefusal

T = TypeVar("T")

SKU: Final = "console-x"
WAREHOUSES: Final = {"north": 50, "centre": 30, "south": 20}
UNITS: Final = sum(WAREHOUSES.values())
BUYERS: Final = 5_000
AT_ONCE: Final = 128
"""Buyers whose calls are under way; the others stand in line."""
TRIES_MAX: Final = 50
PAUSE_S: Final = 0.05
ROW_SOLD, ROW_CAME = 20, 1_000
"""A line is drawn when so many more are sold, or so many more buyers have their answer."""
SECONDS_MAX: Final = 300.0
DEADLINE_S: Final = 30.0
"""Of a call: on a small machine a crowd waits for its turn."""
COLUMNS: Final = ("buyers", "reserved", "sold out", *(f"left in {code}" for code in WAREHOUSES))


@dataclass(slots=True)
class Sale:
    """What came of so many buyers so far."""

    buyers: int
    reserved: list[StockReservation] = field(default_factory=list)
    refused: int = 0

    @property
    def came(self) -> int:
        """How many have their answer."""
        return len(self.reserved) + self.refused

    def taken(self) -> Counter[str]:
        """How many units, by the id of the warehouse."""
        found: Counter[str] = Counter()
        for reservation in self.reserved:
            for line in reservation.lines:
                found[line.warehouse_id] += line.quantity
        return found


async def show_stock_sale(screen: Screen, buyers: int = BUYERS) -> Exit:
    """Start the service on its own folder, and sell to so many. Raises Refusal, ServerFailed."""
    async with OwnServer.of_inventory(wanted=PORT_DEFAULT) as server:
        target = f"{server.host}:{server.port}"
        screen.say(f"The service is up at {target}, {server.start_seconds:.2f} seconds after its start.")
        screen.say(f"Three warehouses have {UNITS} units of {SKU}; {buyers:,} buyers want one each.")
        async with (
            asyncio.timeout(SECONDS_MAX),
            InventoryClient(target, organization="demo", user="demo", deadline_s=DEADLINE_S) as client,
        ):
            wrong = await _sell(screen, client, Sale(buyers))
    for line in wrong:
        screen.say(f"WRONG: {line}", "bold red")
    return Exit.NO if wrong else Exit.DONE


async def _sell(screen: Screen, client: InventoryClient, sale: Sale) -> Sequence[str]:
    """Sell all of it. What is wrong with the result."""
    codes = {}
    for priority, (code, quantity) in enumerate(WAREHOUSES.items(), 1):
        warehouse = await client.stock.add_warehouse(code, Site(code.capitalize(), priority=priority))
        codes[warehouse.id] = code
        await client.stock.add(SKU, code, "console", quantity=quantity)
    await _show(screen, client, "Before:", codes)
    crowd = iter(range(sale.buyers))
    with Board(f"{sale.buyers:,} buyers for {UNITS} units", COLUMNS) as board:
        await asyncio.gather(*(_line(client, crowd, sale, board, list(codes)) for _ in range(AT_ONCE)))
    await _show(screen, client, "All buyers have their answer:", codes)
    paid = [await _insist(partial(client.stock.commit, each.id)) for each in sale.reserved]
    await _show(screen, client, "The winners have paid:", codes)
    screen.say(f"{sale.buyers:,} buyers, {len(paid)} sold, {sale.refused:,} told that it is sold out.", "bold green")
    return list(_wrong(sale, await client.stock.entries(sku=SKU)))


async def _line(client: InventoryClient, crowd: Iterator[int], sale: Sale, board: Board, ids: Sequence[str]) -> None:
    """Buyers, one after the other."""
    for _ in crowd:
        bought = await _buy(client)
        if bought is None:
            sale.refused += 1
        else:
            sale.reserved.append(bought)
        if (bought is not None and len(sale.reserved) % ROW_SOLD == 0) or sale.came % ROW_CAME == 0:
            taken = sale.taken()
            left = (total - taken[each] for each, total in zip(ids, WAREHOUSES.values(), strict=True))
            board.add(f"{sale.came:,}", len(sale.reserved), f"{sale.refused:,}", *left)


async def _buy(client: InventoryClient) -> StockReservation | None:
    """One unit; None if there is none."""
    return await _insist(partial(_reserved, client, f"order-{token_hex(8)}", token_hex(16)))


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Who is told to ask again does, as the same request."""
    for _ in range(TRIES_MAX - 1):
        try:
            return await ask()
        except (RetryableRefusal, OutcomeUnknown):
            await asyncio.sleep(PAUSE_S)
    return await ask()


async def _reserved(client: InventoryClient, order: str, key: str) -> StockReservation | None:
    try:
        return await client.stock.reserve(order, [(SKU, 1)], key=key)
    except InsufficientStock:
        return None


async def _show(screen: Screen, client: InventoryClient, title: str, codes: dict[str, str]) -> None:
    """Each warehouse as a row: a sign for each unit that is free, reserved, or gone."""
    entries = {codes[each.warehouse_id]: each for each in await client.stock.entries(sku=SKU)}
    free, kept, gone = ("■", "◪", "□") if screen.fancy else ("#", "r", ".")
    screen.raw("")
    screen.say(title, "bold")
    for code, units in WAREHOUSES.items():
        entry = entries[code]
        sold = units - entry.total
        screen.draw(
            [
                [
                    (f"  {code:7}", ""), (free * entry.available, "green"), (kept * entry.reserved, "yellow"),
                    (gone * sold, "dim"), (f"  {entry.available} free, {entry.reserved} reserved", ""),
                ]
            ]
        )  # fmt: skip


def _wrong(sale: Sale, entries: Iterable[StockEntry]) -> Iterator[str]:
    """What should not be so."""
    sold = sum(sale.taken().values())
    if sold != UNITS or len({each.id for each in sale.reserved}) != UNITS:
        yield f"{sold} units were sold to {len(sale.reserved)} buyers, and there were {UNITS}"
    if sale.came != sale.buyers:
        yield f"{sale.came} buyers have an answer, and {sale.buyers} came"
    if left := sum(each.total for each in entries):
        yield f"{left} units are left"
