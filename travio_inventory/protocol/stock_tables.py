"""The tables of stock: what lies where, its movements, the warehouses, suppliers and purchase orders."""

from travio_inventory.protocol.batches import Kind
from travio_inventory.protocol.columns import Column, ConditionalTable, RowKind, Type, number, text
from travio_inventory.protocol.event_table import EVENT
from travio_inventory.protocol.hold_table import HOLD

_FOR_EVER = "for ever: a version never begins again"

STOCK_ROW = RowKind(
    "an entry: its quantities, and what it is",
    "empty",
    _FOR_EVER,
    (
        text("status", "active or deleted"),
        text("warehouse", "the id of the warehouse"),
        text("product", "the product"),
        text("variant", "the variant of the product; null if it has none"),
        number("available", "how many can be sold"),
        number("reserved", "how many are kept for somebody"),
        number("reorder_point", "at how many available ones the stock is low"),
        number("reorder_quantity", "how many to order then"),
        number("version", "how many changes the entry had"),
        number("created_at_ms", "when it was created"),
        number("updated_at_ms", "when it was changed last"),
        number("events", "how many events it had"),
        number("event_epoch", "the epoch of its last event"),
        number("event_at_ms", "the moment of its last event"),
        text("definition", "how its units lie in several rows, as JSON; null if they lie in one"),
    ),
)
MOVEMENT = RowKind(
    "a change of the total, which nothing changes afterwards",
    "the version of the entry that it led to",
    "400 days",
    (
        text("type", "inbound, outbound, adjustment, transfer, return or damage"),
        number("quantity", "by how many the total changed; negative if it fell"),
        number("balance", "the total afterwards"),
        text("reason", "why, in words"),
        text("reference", "what it refers to, for example a delivery note; null if nothing"),
        text("performed_by", "the user who made it; null if a program did"),
        text("cause", "what caused it: a repetition with the same cause is the same movement"),
        number("at_ms", "when it was made"),
    ),
    is_written_once=True,
)
CAUSE = RowKind(
    "which movement a cause led to",
    "the cause",
    "TRAVIO_IDEMPOTENCY_RETENTION_SECONDS from the movement; that of a receipt of a transfer 400 days",
    (
        number("movement", "the version of the entry that the movement led to; 0 if it never will move anything"),
        text("fingerprint", "a digest of what was asked for"),
    ),
    is_written_once=True,
)
_OF_LINE = (
    text("owner", "the reservation"),
    number("quantity", "how many units"),
    text("order_id", "the order"),
    text("performed_by", "the user who reserved them; null if a program did"),
)
LINE = RowKind(
    "what a reservation keeps here",
    "the reservation",
    "while it is kept, and a few minutes",
    (
        text("status", "reserved, then ended; returning while what was committed may be returned"),
        *_OF_LINE,
        number("since_ms", "when it was taken"),
        number("until_ms", "when the reservation ends at the latest: then its home row is to be read; proves nothing"),
    ),
)
SOLD = RowKind(
    "what of a reservation was committed here",
    "the reservation",
    "400 days",
    (text("status", "committed, returning, returned"), *_OF_LINE),
)
TRANSFER = RowKind(
    "a transfer whose source is here",
    "the transfer; `on the way` and the transfer for the mark of one that is on the way",
    "until it is closed or cancelled, and 400 days; a mark as long as something is in transit",
    (
        text("status", "draft, shipped, partly_received, closed or cancelled; of a mark open, then over"),
        text("definition", "what goes where, and how much of it came, as JSON"),
        number("version", "how many steps the transfer had"),
        number("created_at_ms", "when it was drafted"),
        number("updated_at_ms", "when it had its last step"),
    ),
)
APPROVAL = RowKind(
    "an adjustment that was asked for, and who decided about it",
    "the approval",
    "400 days from the last step",
    (
        text("status", "pending, approved or rejected"),
        text("definition", "by how many, why, who asked and who decided, as JSON"),
        number("version", "how many steps it had"),
        number("created_at_ms", "when it was asked for"),
        number("updated_at_ms", "when it was decided"),
    ),
)
PURCHASE = RowKind(
    "a line of a purchase order",
    "the order",
    "800 days from when the order was placed",
    (
        text("status", "open, received or cancelled"),
        number("quantity", "how many were ordered"),
        text("definition", "how many of them came, as JSON"),
        number("version", "how many steps the line had"),
        number("created_at_ms", "when it was placed"),
        number("updated_at_ms", "when it had its last step"),
    ),
)
ON_ORDER = RowKind(
    "what is on order for an entry",
    "empty",
    _FOR_EVER,
    (
        text("definition", "the open orders, the last supplier, and the number of automatic orders, as JSON"),
        number("version", "how many changes it had"),
        number("updated_at_ms", "when it was changed last"),
    ),
)
STOCK = ConditionalTable(
    "What lies of a stock keeping unit in a warehouse, with its movements, reservations and events.",
    text("organization", "the organization whose stock it is"),
    text("sku", "the stock keeping unit"),
    Column("place", Type.INT, "the number of the warehouse, times 64, and that of the shard"),
    {
        Kind.STOCK: STOCK_ROW,
        Kind.MOVEMENT: MOVEMENT,
        Kind.CAUSE: CAUSE,
        Kind.TRANSFER: TRANSFER,
        Kind.APPROVAL: APPROVAL,
        Kind.PURCHASE: PURCHASE,
        Kind.ON_ORDER: ON_ORDER,
        Kind.LINE: LINE,
        Kind.SOLD: SOLD,
        Kind.HOLD: HOLD,
        Kind.EVENT: EVENT,
    },
)

NUMBERS = RowKind(
    "how many warehouses or suppliers there are",
    "empty",
    _FOR_EVER,
    (number("warehouses", "the number of the last warehouse, or supplier"),),
)
WAREHOUSE = RowKind(
    "a warehouse",
    "its id",
    _FOR_EVER,
    (
        number("number", "its number among those of the organization, from 1"),
        text("code", "its code, which never changes"),
        text("definition", "its name, address, region, place and priority, as JSON"),
        number("version", "how many changes it had"),
        number("created_at_ms", "when it was created"),
        number("updated_at_ms", "when it was changed last"),
    ),
)
SUPPLIER = RowKind(
    "a supplier",
    "its id",
    _FOR_EVER,
    (
        number("number", "its number among those of the organization, from 1"),
        text("code", "its code, which never changes"),
        text("definition", "its name, how to reach it, and whether it is deleted, as JSON"),
        number("version", "how many changes it had"),
        number("created_at_ms", "when it was created"),
        number("updated_at_ms", "when it was changed last"),
    ),
)
ADDED = RowKind(
    "the key with which a warehouse or a supplier was added",
    "the key",
    "TRAVIO_IDEMPOTENCY_RETENTION_SECONDS",
    (
        text("definition", "a digest of what was asked for"),
        number("created_at_ms", "when it was added"),
    ),
)
PURCHASE_ORDER = RowKind(
    "a purchase order: what was ordered; what came of it is with the entries",
    "empty",
    "800 days from when it was placed",
    (
        text("definition", "its supplier, its lines, who ordered and who cancelled it, as JSON"),
        number("version", "1, and 2 once it is cancelled"),
        number("created_at_ms", "when it was placed"),
        number("updated_at_ms", "when it was placed, or cancelled"),
    ),
)
WAREHOUSES = ConditionalTable(
    "The warehouses of an organization, its suppliers and its purchase orders.",
    text("organization", "the organization whose warehouses they are"),
    text("list", "empty for the warehouses, `suppliers` for these, `order` and its id for a purchase order"),
    None,
    {
        Kind.NUMBERS: NUMBERS,
        Kind.WAREHOUSE: WAREHOUSE,
        Kind.SUPPLIER: SUPPLIER,
        Kind.ADDED: ADDED,
        Kind.PURCHASE_ORDER: PURCHASE_ORDER,
    },
)
