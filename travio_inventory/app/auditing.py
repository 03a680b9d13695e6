"""The auditor beside a running service: on its store and its edge, as the settings say."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from random import SystemRandom
from typing import NamedTuple

import anyio

from travio_inventory.app.assemble import Assembly, Ports, Unwatched, assemble, audited_sinks
from travio_inventory.app.backends import open_batches, open_edge, open_view
from travio_inventory.app.deeds import deeds_of
from travio_inventory.app.service import rules_of
from travio_inventory.app.stock import assemble_stock
from travio_inventory.events.choice import parse_sinks
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.protocol.batches import Partition
from travio_inventory.seats.audit.auditing import AuditRules
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.use_cases.audit_trips import AuditTrips
from travio_inventory.settings import Settings
from travio_inventory.stock.audit.auditing import StockAuditRules
from travio_inventory.stock.audit.rounds import all_places
from travio_inventory.stock.use_cases.audit_stock import AuditStock

DRAIN_S = 5


class Auditing(NamedTuple):
    """The audits, and whether they see what the edge remembers: that of a process is seen from within it alone."""

    audits: AuditTrips
    sees_edge: bool
    deeds: Deeds
    """Where repairs are recorded."""
    stock: AuditStock | None
    """None where no stock is kept."""
    places: Callable[[str], AsyncIterator[Partition]]
    """Where every entry of stock is, or every one of an organization. Raises StoreUnavailable."""


@asynccontextmanager
async def auditing(settings: Settings, rules: AuditRules, *, repair: bool) -> AsyncIterator[Auditing]:
    """To repair, the store is opened as a service does: the embedded one has room for no other process then. Raises
    StartFailed.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_batches(settings) if repair else open_view(settings))
        edge = await stack.enter_async_context(open_edge(settings, store.deployment, MapSignals()))
        sight = edge.sight if settings.edge.kind == "redis" else None
        sinks = [chosen.name for chosen in parse_sinks(settings.events.sinks)]
        ports = Ports(store.batches, *edge[:3], {}, views=store.views, sight=sight, sinks_elsewhere=sinks)
        choices = replace(rules_of(settings), audit=rules)
        assembly = assemble(ports, SystemClock(), SystemRandom(), choices)
        try:
            yield Auditing(
                assembly.inventory.audit_trips,
                sees_edge=sight is not None,
                deeds=deeds_of(settings, store),
                stock=_stock(assembly, audited_sinks(ports), rules) if settings.stock.is_on else None,
                places=partial(all_places, store.batches),
            )
        finally:
            with anyio.CancelScope(shield=True):
                await assembly.steps.drain(DRAIN_S)


def _stock(assembly: Assembly, sinks: Collection[str], rules: AuditRules) -> AuditStock:
    """The auditor of stock, which goes about it as that of trips does."""
    audit = StockAuditRules(
        late_ms=rules.late_ms, second_look_ms=rules.second_look_ms, places_per_second=rules.groups_per_second
    )
    watch = Unwatched()
    return assemble_stock(assembly.sender, assembly.steps, watch=watch, sinks=sinks, audit=audit).audit
