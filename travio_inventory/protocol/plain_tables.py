"""The tables of index entries, and every index in them: what buckets and entries name, and how long they are kept."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.protocol.batches import Index
from travio_inventory.protocol.columns import Column, Type


class PlainTable(StrEnum):
    """The tables of index entries. Nothing but plain writes adds to them, and what they say is never trusted."""

    INDEX_ENTRIES = "index_entries"
    LISTINGS = "listings"


class DeclaredIndex(NamedTuple):
    """In which table an index is, what it tells, what its buckets and entries are (U+001F joins what they name), and
    how long an entry is kept.
    """

    table: PlainTable
    meaning: str
    bucket: str
    entry: str
    kept: str


PLAIN_TABLES: Mapping[PlainTable, str] = {
    PlainTable.INDEX_ENTRIES: "Tells sweeper and relay where to look: a bucket for each minute or epoch. An entry is "
    "durable before the batch that it announces; each process writes it once.",
    PlainTable.LISTINGS: "Lists of holds, of orders, of waiting lists and of trips.",
}
ENTRY_KEY = (
    Column("index_name", Type.TEXT, "the index"),
    Column("bucket", Type.TEXT, "a part of the index: a minute, an epoch, a holder, a shard"),
    Column("entry", Type.TEXT, "what the entry names"),
)
"""The columns of a plain table, all of them in its key: (index_name, bucket) is the partition."""

_ENTRIES = "as long as any hold can be held, TRAVIO_EVENT_RETENTION_SECONDS and a few minutes, from when it is written"

INDEXES: Mapping[Index, DeclaredIndex] = {
    Index.EXPIRY: DeclaredIndex(
        PlainTable.INDEX_ENTRIES,
        "the seat groups in which something is due",
        "a minute",
        "organization, trip, seat group",
        _ENTRIES,
    ),
    Index.STOCK_EXPIRY: DeclaredIndex(
        PlainTable.INDEX_ENTRIES,
        "the places of stock in which something is due",
        "a minute",
        "organization, stock keeping unit, the number of its place",
        _ENTRIES,
    ),
    Index.JOURNAL: DeclaredIndex(
        PlainTable.INDEX_ENTRIES,
        "the seat groups in which an event was recorded",
        "an epoch",
        "organization, trip, seat group; with the id of an event row, only that event",
        _ENTRIES,
    ),
    Index.TOLD: DeclaredIndex(
        PlainTable.INDEX_ENTRIES,
        "the events that were published",
        "sink, seat group, hour",
        "digests of event ids",
        "as the events, from when they are published",
    ),
    Index.HOLDS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the holds of a holder, newest first; the bookings of a holder",
        "organization, holder; with `booked` for the bookings",
        "a number that falls with time, the hold, `booked` for a booking; in the bucket of the bookings only the hold",
        "of a hold, as long as any hold can be held and then kept; of a booking, until it is cancelled and forgotten",
    ),
    Index.ORDERS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the bookings of an order, newest first",
        "organization, order",
        "a number that falls with time, the hold",
        "until the booking is cancelled and forgotten",
    ),
    Index.WAITLISTS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the waiting lists on which a holder waits",
        "the holder",
        "organization, trip, class",
        "while the holder waits, and a few minutes longer",
    ),
    Index.TRIPS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the trips whose seat groups the slow round visits",
        "one of 60 shards",
        "organization, trip, the number of seat groups, the end of the trip, when it was opened",
        "as long as the trip",
    ),
    Index.OPENINGS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the large trips that are being opened, and the trips that are being frozen or cancelled",
        "all",
        "organization, trip, when it was opened",
        "until that is done, and an hour longer",
    ),
    Index.DEPARTURES: DeclaredIndex(
        PlainTable.LISTINGS,
        "the trips of an organization by their departure",
        "organization, the month of the departure, or `untimed`",
        "the departure, the trip, when it was opened",
        "as long as the trip",
    ),
    Index.STOCK: DeclaredIndex(
        PlainTable.LISTINGS,
        "the entries of an organization: all, those of a product, of a stock keeping unit or of a warehouse, and the "
        "one of an id; and where something moved on a day",
        "organization, which list, of what",
        "the stock keeping unit, the number of the warehouse; of movements: the stock keeping unit, their place, the "
        "first of 64 versions",
        "for ever; movements 401 days",
    ),
    Index.DEEDS: DeclaredIndex(
        PlainTable.LISTINGS,
        "what the house did: openings, blocks, cancellations and the like, as they began and as they ended",
        "organization, month",
        "when, an id, who, what, about what, how it ended",
        "`TRAVIO_DEED_RETENTION_SECONDS`",
    ),
    Index.DEAD_LETTERS: DeclaredIndex(
        PlainTable.LISTINGS,
        "the dead letters of a source or sink, the oldest first; those that are to be given again; and which sources "
        "and sinks have any",
        "in or out, the source or sink; with `wanted` for those; or `all`",
        "since when, the letter, the bytes that are kept of it; of those that are wanted the letter; of `all` in or "
        "out, and the source or sink",
        "as the letter",
    ),
}
