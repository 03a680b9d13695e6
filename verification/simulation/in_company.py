"""Group commit in a simulated process, and whose part of a batch each change is."""

from collections.abc import Iterator, Sequence
from contextvars import ContextVar

from travio_inventory.protocol.batches import ANY_TIME, Batches, IndexEntry, Outcome, Partition, RowKey, Write
from travio_inventory.store.group_commit import GroupCommit, Member
from travio_inventory.store.memory import Change
from verification.simulation.hindsight import ASKING
from verification.simulation.history import Call

COMPANY_MAX = 4
"""Few, so that there are often several companies."""
DELAY_S_MAX = 0.3
"""How long a message travels at most: batches of a small world meet only if they are slow."""

_COMPANY: ContextVar[Sequence[tuple[Call | None, frozenset[RowKey]]]] = ContextVar("_COMPANY", default=())
"""On whose behalf which rows of the batch are written."""


class InCompany(GroupCommit):
    """Group commit that knows who asked for each batch."""

    def __init__(self, batches: Batches) -> None:
        super().__init__(batches, under_way_max=1, company_max=COMPANY_MAX)
        self._asking: dict[int, Call | None] = {}
        """By the identity of the writes, while they are under way."""

    async def apply(
        self,
        partition: Partition,
        writes: Sequence[Write],
        entries: Sequence[IndexEntry] = (),
        *,
        send_by: float = ANY_TIME,
    ) -> Outcome:
        """See Batches."""
        self._asking[id(writes)] = ASKING.get()
        try:
            return await super().apply(partition, writes, entries, send_by=send_by)
        finally:
            self._asking.pop(id(writes), None)

    async def _together(self, partition: Partition, company: list[Member]) -> Outcome:
        _COMPANY.set([(self._asking.get(id(member.writes)), member.keys) for member in company])
        return await super()._together(partition, company)


def shares(changes: Sequence[Change]) -> Iterator[tuple[Call | None, Sequence[Change]]]:
    """The changes of an applied batch, those of each call by themselves."""
    company = _COMPANY.get()
    if not company:
        yield ASKING.get(), changes
    for call, keys in company:
        yield call, [change for change in changes if change[0] in keys]
