"""Puts stock together on the store of an assembly, for whoever asks for it: a service without stock imports nothing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import SystemRandom

import anyio

from travio_inventory.app.assemble import Unwatched, Watch
from travio_inventory.app.backends import open_batches
from travio_inventory.app.service import rules_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.use_cases.step_runner import StepRunner
from travio_inventory.settings import Settings
from travio_inventory.stock.records.entries import Entries
from travio_inventory.stock.records.warehouses import Warehouses
from travio_inventory.stock.use_cases import Stock
from travio_inventory.stock.use_cases.adjust_stock import AdjustsStock
from travio_inventory.stock.use_cases.keep_stock import KeepStock
from travio_inventory.stock.use_cases.keep_warehouses import KeepWarehouses
from travio_inventory.stock.use_cases.read_stock import ReadStock
from travio_inventory.stock.use_cases.steps import Steps

DRAIN_S = 5


def assemble_stock(sender: Sender, steps: Steps, *, watch: Watch) -> Stock:
    """The use cases of stock, on the sender and the steps of an assembly."""
    entries, warehouses = Entries(sender), Warehouses(sender.batches, sender.clock)
    return Stock(
        watch.use_case("keep_warehouses", KeepWarehouses(warehouses)),
        watch.use_case("keep_stock", KeepStock(entries, warehouses, steps)),
        watch.use_case("adjust_stock", AdjustsStock(entries, steps)),
        watch.use_case("read_stock", ReadStock(entries)),
    )


@asynccontextmanager
async def open_stock(settings: Settings) -> AsyncIterator[Stock]:
    """Stock on the store that the settings name; the embedded one has room for no other process. Raises StartFailed."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_batches(settings))
        rules = rules_of(settings)
        steps = StepRunner(in_flight_max=rules.steps_at_once_max)
        sender = Sender(
            store.batches,
            clock=SystemClock(),
            background=steps.in_background,
            rules=rules.protocol,
            random=SystemRandom(),
        )
        try:
            yield assemble_stock(sender, steps, watch=Unwatched())
        finally:
            with anyio.CancelScope(shield=True):
                await steps.drain(DRAIN_S)
