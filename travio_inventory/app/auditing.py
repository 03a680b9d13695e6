"""The auditor beside a running service: on its store and its edge, as the settings say."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import SystemRandom
from typing import NamedTuple

import anyio

from travio_inventory.app.assemble import Ports, assemble
from travio_inventory.app.backends import open_batches, open_edge, open_view
from travio_inventory.app.service import deeds_of, rules_of
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.seats.audit.auditing import AuditRules
from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.use_cases.audit_trips import AuditTrips
from travio_inventory.settings import Settings

DRAIN_S = 5


class Auditing(NamedTuple):
    """The audits, and whether they see what the edge remembers: that of a process is seen from within it alone."""

    audits: AuditTrips
    sees_edge: bool
    deeds: Deeds
    """Where repairs are recorded."""


@asynccontextmanager
async def auditing(settings: Settings, rules: AuditRules, *, repair: bool) -> AsyncIterator[Auditing]:
    """To repair, the store is opened as a service does: the embedded one has room for no other process then. Raises
    StartFailed.
    """
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_batches(settings) if repair else open_view(settings))
        edge = await stack.enter_async_context(open_edge(settings, store.deployment, MapSignals()))
        sight = edge.sight if settings.edge.kind == "redis" else None
        ports = Ports(store.batches, *edge[:3], {}, views=store.views, sight=sight)
        choices = replace(rules_of(settings), audit=rules)
        assembly = assemble(ports, SystemClock(), SystemRandom(), choices)
        try:
            deeds = deeds_of(settings, store)
            yield Auditing(assembly.inventory.audit_trips, sees_edge=sight is not None, deeds=deeds)
        finally:
            with anyio.CancelScope(shield=True):
                await assembly.steps.drain(DRAIN_S)
