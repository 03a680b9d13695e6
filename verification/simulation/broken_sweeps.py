"""Broken designs of index entries and sweepers: what is left half done is never found, or is ended too soon."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Applied, IndexEntry, Kind, Outcome, Partition, RowKey
from travio_inventory.protocol.index_entries import DurableEntries
from travio_inventory.protocol.lapses import LapseFinder
from travio_inventory.protocol.resource import Standing
from travio_inventory.protocol.sending import Sender
from travio_inventory.seats.hold import NEVER_MS, Aborted, Hold
from verification.kit.passing import Batch, Send
from verification.simulation.broken import ALONE, GROUPS_OF_ONE, broken, send_through, without_slow_round
from verification.simulation.plan import Plan


@broken(
    "an index entry that is not written before the batch",
    "I8 L1 L2",
    Plan(3, faults=0.5, kills=0.9, seats_per_group=1, seats=20, popular=20, holders=5),
)
def _hint_afterwards(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)

    async def afterwards(_sender: Sender, batch: Batch, send: Send) -> Outcome:
        outcome = await send(batch._replace(entries=()))
        if isinstance(outcome, Applied):
            await send(batch._replace(writes=[]))
        return outcome

    send_through(patch, Sender, afterwards)


@broken(
    "an index entry that counts as written before it is",
    "I8 L1 L2",
    replace(ALONE, faults=0.8, kills=0.1, holders=3, seats=40, popular=40).with_seed(0),
)
def _remember_early(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)
    missing = DurableEntries.missing

    def at_once(self: DurableEntries, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        found = missing(self, entries)
        self.remember(found, sent_ms=NEVER_MS)
        return found

    patch.setattr(DurableEntries, "missing", at_once)


@broken(
    "no index entry for the other seat groups of a hold",
    "L2",
    replace(GROUPS_OF_ONE, kills=0.9, holders=5, seats=20, popular=20).with_seed(1),
)
def _hint_home_only(patch: pytest.MonkeyPatch) -> None:
    without_slow_round(patch)

    async def home_only(_sender: Sender, batch: Batch, send: Send) -> Outcome:
        is_home = any(write.key.kind is Kind.HOLD for write in batch.writes)
        home = rows.partition_entry(batch.partition)
        return await send(batch._replace(entries=[each for each in batch.entries if is_home and each.entry == home]))

    send_through(patch, Sender, home_only)


@broken("the sweeper frees other seat groups' cells by their time", "I1 I2", GROUPS_OF_ONE.with_seed(1))
def _sweep_by_time(patch: pytest.MonkeyPatch) -> None:
    async def settle(self: LapseFinder[Hold], partition: Partition, owner: str, owned: dict[RowKey, Standing]) -> None:
        await self._rolling.roll(owner, partition, list(owned), Aborted(""))

    patch.setattr(LapseFinder, "_settle", settle)


@broken(
    "the sweeper skips cells that say sold",
    "L2",
    replace(ALONE, kills=0.9, holders=3, seats=20, popular=20).with_seed(56),
)
def _pass_over_sold(patch: pytest.MonkeyPatch) -> None:
    is_suspect = LapseFinder._is_suspect
    patch.setattr(
        LapseFinder, "_is_suspect",
        lambda self, claim, now_ms: not claim.is_settled and is_suspect(self, claim, now_ms),
    )  # fmt: skip


@broken("the sweeper ends no hold whose home it visits", "L1", GROUPS_OF_ONE.with_seed(2))
def _end_nothing_at_home(patch: pytest.MonkeyPatch) -> None:
    async def nothing(_self: LapseFinder[Hold], _partition: Partition, _hold_ids: Sequence[str]) -> None:
        return None

    patch.setattr(LapseFinder, "_end_lapsed", nothing)


def close_failed(patch: pytest.MonkeyPatch) -> None:
    """Close a minute although one of its seat groups failed."""
    close_due = LapseFinder.close_due

    async def close_all(self: LapseFinder[Hold], _failed: Mapping[Partition, Exception]) -> None:
        await close_due(self, {})

    patch.setattr(LapseFinder, "close_due", close_all)
