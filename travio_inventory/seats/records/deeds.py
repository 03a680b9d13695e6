"""What the house did, in the order of time: a record that is only added to, for each organization and month.

A deed is recorded before it is done, and how it ended afterwards. So a crash hides none: one that only began may have
been done, or not, as the trip or the booking itself tells.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.refusals import BackendUnavailable
from travio_inventory.protocol.batches import Applied, Batches, Index, IndexEntry, Partition, StoreUnavailable, Table
from travio_inventory.protocol.rows import SEPARATOR
from travio_inventory.seats.deed import BEGAN, Deed, DeedPage, ended

KEPT_S_DEFAULT = 400 * 86_400
TEXT_MAX = 200
"""So many characters of what a deed was about are kept."""
_NOWHERE = Partition(Table.CURSORS, "", "deeds")


class Deeds:
    """Records deeds, and reads them back."""

    def __init__(self, batches: Batches, clock: Clock, *, kept_s: int = KEPT_S_DEFAULT) -> None:
        """A deed is kept for `kept_s` seconds from its recording on."""
        self._batches = batches
        self._clock = clock
        self._kept_s = kept_s

    async def begin(self, actor: Actor, verb: str, about: str) -> Deed:
        """Record that it begins. Raises BackendUnavailable if that may not be durable: then it must not be done."""
        deed = beginning(self._clock.now_ms(), actor, verb, about)
        if not isinstance(await self._add(actor.organization, deed), Applied):
            raise BackendUnavailable
        return deed

    async def end(self, organization: str, deed: Deed, outcome: str) -> None:
        """Record how it ended; best effort."""
        await self._add(organization, deed._replace(outcome=outcome))

    async def _add(self, organization: str, deed: Deed) -> object:
        return await self._batches.apply(_NOWHERE, (), [entry_of(organization, deed, kept_s=self._kept_s)])

    async def of_month(self, organization: str, at_ms: int, *, after: str, most: int) -> tuple[Sequence[Deed], str]:
        """The next deeds of the month of that moment, in the order of time, and where the next ones are, "" behind the
        last. One that ended is there once or twice: as it began, and as it ended. Raises BackendUnavailable.
        """
        try:
            bucket = bucket_of(organization, at_ms)
            entries = await self._batches.read_index(Index.DEEDS, bucket, after=after, most=most)
        except StoreUnavailable:
            raise BackendUnavailable from None
        return [_read(entry) for entry in entries], entries[-1] if len(entries) == most else ""

    async def page(self, organization: str, month: str, *, after: str, most: int) -> DeedPage:
        """The next deeds of a month ("" = the present one), each as it ended if that is known. Raises
        BackendUnavailable.
        """
        bucket = SEPARATOR.join((organization, month or _month(self._clock.now_ms())))
        try:
            found = await self._batches.read_index(Index.DEEDS, bucket, after=after, most=2 * most + 1)
        except StoreUnavailable:
            raise BackendUnavailable from None
        deeds = ended([_read(entry) for entry in found])  # the last one may be cut in two: it is there in full if not
        is_more = len(deeds) > most or len(found) > 2 * most
        return DeedPage(deeds[:most], _behind(deeds[:most][-1]) if is_more else "")


def beginning(at_ms: int, actor: Actor, verb: str, about: str) -> Deed:
    """A deed that begins."""
    return Deed(at_ms, uuid4().hex, f"{actor.kind.value} {actor.user}".strip(), verb, about[:TEXT_MAX], BEGAN)


def entry_of(organization: str, deed: Deed, *, kept_s: int) -> IndexEntry:
    """What records the deed as it is; "" is the organization of what concerns every one."""
    entry = SEPARATOR.join((f"{deed.at_ms:015d}", *deed[1:]))
    return IndexEntry(Index.DEEDS, bucket_of(organization, deed.at_ms), entry, kept_s)


def _behind(deed: Deed) -> str:
    """After all entries of the deed, and before those of any other."""
    return f"{deed.at_ms:015d}{SEPARATOR}{deed.id} "


def bucket_of(organization: str, at_ms: int) -> str:
    """Where the deeds of that month are."""
    return SEPARATOR.join((organization, _month(at_ms)))


def _month(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m}"


def _read(entry: str) -> Deed:
    at_ms, *words = entry.split(SEPARATOR)
    return Deed(int(at_ms), *words)
