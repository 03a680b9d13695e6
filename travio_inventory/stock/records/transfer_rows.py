"""The rows of a transfer, written and read, where it is listed, and the mark of one that is on the way."""

import json
from collections.abc import Sequence
from typing import Final

from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import FOR_EVER, Index, IndexEntry, Kind, Partition, Row, RowKey, Write
from travio_inventory.stock.records import stock_rows
from travio_inventory.stock.transfer import Counts, Receipt, Transfer, TransferStatus

KEPT_S: Final = stock_rows.MOVEMENTS_KEPT_S
"""From the last step."""
OPEN, OVER = "open", "over"
"""What a mark says."""
OVER_KEPT_S: Final = 1
"""The mark of one that is over."""
ON_THE_WAY: Final = (TransferStatus.SHIPPED, TransferStatus.PARTLY_RECEIVED)
MARKS, MARKS_END = "on the way ", "on the way!"
"""Marks have ids from the one on and before the other; no id of a transfer is among them."""


def key_of(named: str) -> RowKey:
    """The row of the transfer with that id."""
    return RowKey(Kind.TRANSFER, named)


def source_of(transfer: Transfer) -> Partition:
    """Where its row is."""
    return stock_rows.place(transfer.organization, transfer.sku, transfer.from_number)


def bucket_of(organization: str, sku: str) -> str:
    """Where the transfers of a stock keeping unit are listed, or all."""
    return rows.SEPARATOR.join((organization, "transfers", sku))


def sources_of(organization: str) -> str:
    """Where it is listed from where something was ever shipped."""
    return rows.SEPARATOR.join((organization, "sources", ""))


def listed(transfer: Transfer) -> Sequence[IndexEntry]:
    """How it is found; its source is known for ever once something was shipped from there."""
    named = rows.SEPARATOR.join((f"{transfer.created_at_ms:016d}", transfer.id))
    place = rows.SEPARATOR.join((transfer.sku, str(transfer.from_number)))
    by_id = rows.SEPARATOR.join((transfer.organization, "transfer", transfer.id))
    sources = [IndexEntry(Index.STOCK, sources_of(transfer.organization), place)] if transfer.counts.shipped else []
    return [
        *sources,
        IndexEntry(Index.STOCK, by_id, place, KEPT_S),
        *(IndexEntry(Index.STOCK, bucket_of(transfer.organization, sku), named, KEPT_S) for sku in ("", transfer.sku)),
    ]


def row_of(transfer: Transfer) -> Row:
    """What its row says."""
    said = {
        "sku": transfer.sku,
        "from": [transfer.from_warehouse_id, transfer.from_number],
        "to": [transfer.to_warehouse_id, transfer.to_number],
        "quantity": transfer.quantity,
        "reason": transfer.reason,
        "requestedBy": transfer.requested_by,
        "counts": list(transfer.counts),
        "pending": None if transfer.pending is None else list(transfer.pending),
        "receipts": dict(transfer.receipts),
        "numbered": transfer.numbered,
        "writtenOffBy": transfer.written_off_by,
    }
    return {
        "status": transfer.status.lower(),
        "definition": encode(said),
        "version": transfer.version,
        "created_at_ms": transfer.created_at_ms,
        "updated_at_ms": transfer.updated_at_ms,
    }


def read_transfer(organization: str, key: RowKey, row: Row) -> Transfer:
    """The transfer that the row says."""
    said = json.loads(rows.text(row, "definition"))
    return Transfer(
        key.id,
        organization,
        said["sku"],
        said["from"][0],
        said["to"][0],
        said["from"][1],
        said["to"][1],
        said["quantity"],
        said["reason"],
        said["requestedBy"],
        Counts(*said["counts"]),
        row["status"] == "cancelled",
        None if said["pending"] is None else Receipt(*said["pending"]),
        said["receipts"],
        said["numbered"],
        rows.number(row, "version"),
        rows.number(row, "created_at_ms"),
        rows.number(row, "updated_at_ms"),
        said.get("writtenOffBy", ""),  # rows of before have none
    )


def writes_of(before: Transfer, after: Transfer) -> list[Write]:
    """The row, IF it is at the version that was seen; and the mark where it begins or ends to be on the way."""
    keep_s = KEPT_S if after.is_over else None
    writes = [Write(key_of(after.id), {"version": before.version}, row_of(after), keep_s)]
    was_open, is_open = (each.status in ON_THE_WAY for each in (before, after))
    if was_open is not is_open:
        mark = RowKey(Kind.TRANSFER, f"{MARKS}{after.id}")
        writes.append(Write(mark, {}, {"status": OPEN if is_open else OVER}, FOR_EVER if is_open else OVER_KEPT_S))
    return writes


def marked(key: RowKey) -> str:
    """The id of the transfer that the mark is of, "" if it is none."""
    return key.id.removeprefix(MARKS) if key.id.startswith(MARKS) else ""


def place_of(organization: str, named: str) -> Partition:
    """The source that an index names."""
    sku, _, number = named.rpartition(rows.SEPARATOR)
    return stock_rows.place(organization, sku, int(number))
