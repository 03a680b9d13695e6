"""Orders by itself what is to be ordered: for each entry with whom it was ordered last, one order at a time."""

from dataclasses import dataclass, field

from travio_inventory.kernel.actor import Actor, Scope, house_of
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.stock.counts import FAILED, StockCounts
from travio_inventory.stock.purchase import PurchaseLine, PurchaseOrder, automatic_id
from travio_inventory.stock.records.purchases import Purchases
from travio_inventory.stock.records.restocking import Restocking, Wanted
from travio_inventory.stock.records.suppliers import Suppliers
from travio_inventory.stock.refusals import StockNotFound
from travio_inventory.stock.restocking import SuggestionsQuery
from travio_inventory.stock.use_cases.steps import Steps

REFERENCE = "below its reorder point"
FAILURES_MAX = 100
"""What is told of a round."""


@dataclass(slots=True)
class Reordered:
    """What a round did: how many orders were to be placed and are, and why some entries have none, by their ids."""

    placed: int = 0
    failures: dict[str, Refusal] = field(default_factory=dict)


class ReorderStock:
    """For the house. Several processes that do it at once place one order: its id says for which entry it is, and how
    many there were before. An entry whose last automatic order is open, or was cancelled by somebody, gets none.
    """

    def __init__(
        self,
        restocking: Restocking,
        purchases: Purchases,
        suppliers: Suppliers,
        steps: Steps,
        clock: Clock,
        counts: StockCounts,
    ) -> None:
        self._restocking = restocking
        self._purchases = purchases
        self._suppliers = suppliers
        self._steps = steps
        self._clock = clock
        self._counts = counts

    async def __call__(self, actor: Actor) -> Reordered:
        """One round over all entries of all organizations; one that fails never stops the others. Raises
        PermissionDenied, and BackendUnavailable if a list could not be read.
        """
        actor.needs(Scope.HOUSE_WORK)
        done = Reordered()
        organizations = await self._restocking.organizations()
        while organizations:
            for organization in organizations:
                await self._round(organization, done)
            organizations = await self._restocking.organizations(organizations[-1])
        return done

    async def _round(self, organization: str, done: Reordered) -> None:
        coming = await self._restocking.in_transit(organization)
        query, is_more = SuggestionsQuery(), True
        while is_more:
            page = await self._restocking.page(organization, query, coming, self._clock.now_ms())
            for wanted in page.wanted:
                try:
                    done.placed += await self._order(organization, wanted)
                except Refusal as refusal:
                    self._counts.ordered(FAILED)
                    if len(done.failures) < FAILURES_MAX:
                        done.failures[wanted.suggestion.entry.id] = refusal
            query, is_more = SuggestionsQuery(after=page.after), bool(page.after)

    async def _order(self, organization: str, wanted: Wanted) -> bool:
        """Whether there is a new order, which another process may have placed at the same moment."""
        suggestion, on_order, now_ms = wanted.suggestion, wanted.on_order, self._clock.now_ms()
        entry, last = suggestion.entry, automatic_id(suggestion.entry.id, on_order.automatic)
        if on_order.is_paused or not suggestion.supplier_id or any(each == last for each, _ in on_order.open(now_ms)):
            return False
        try:
            await self._suppliers.kept(organization, suggestion.supplier_id)
        except StockNotFound:
            return False
        line = PurchaseLine(entry.sku, entry.warehouse_id, wanted.warehouse_number, suggestion.quantity)
        number = on_order.automatic + 1
        order = PurchaseOrder(
            automatic_id(entry.id, number), organization, suggestion.supplier_id, [line], REFERENCE, "", number,
            False, "", 1, now_ms, now_ms,
        )  # fmt: skip
        await self._steps.run(self._purchases.place(house_of(organization), order))
        return True
