"""Every refusal about stock; the tree also has those of `kernel.refusals` and `protocol.refusals`.

Refusal
├── FinalRefusal         give up
│   ├── InsufficientStock
│   ├── BelowReserved
│   ├── VersionConflict
│   ├── StockExists
│   ├── StockLeft
│   ├── StockSharded
│   ├── StockFull
│   ├── NotInTransit
│   ├── TransferEnded
│   ├── ApprovalEnded
│   ├── AdjustmentRejected
│   ├── OwnAdjustment
│   ├── OverReceived
│   ├── PartlyReceived
│   ├── PurchaseEnded
│   ├── TooManyOrders
│   ├── OrderReserved
│   ├── ReservationEnded
│   │   ├── ReservationCommitted
│   │   ├── ReservationCancelled
│   │   └── ReservationExpired
│   └── StockNotFound
└── RetryableRefusal     the same request may succeed later
    └── StockContended
"""

from travio_inventory.kernel.refusals import FinalRefusal, RetryableRefusal


class InsufficientStock(FinalRefusal):
    """Fewer are available than were asked for; nothing was changed. `available` is how many there were, `in_one`
    warehouse where all of them together have more. `wanted` is said of the first shard of several, whose others may
    have more.
    """

    reason = "INSUFFICIENT_STOCK"

    def __init__(self, available: int = 0, sku: str = "", *, wanted: int = 0, in_one: bool = False) -> None:
        where = " in one warehouse" if in_one else ""
        super().__init__(f"only {available}{f' of {sku}' if sku else ''} are available{where}")
        self.available = available
        self.sku = sku
        self.wanted = wanted


class BelowReserved(FinalRefusal):
    """More are reserved than the stock was to be set to; nothing was changed."""

    reason = "BELOW_RESERVED"

    def __init__(self, reserved: int = 0) -> None:
        super().__init__(f"{reserved} are reserved: cancel reservations before the stock is set below that")
        self.reserved = reserved


class VersionConflict(FinalRefusal):
    """It was changed since it was read; nothing was done. `version` is the present one."""

    reason = "VERSION_CONFLICT"

    def __init__(self, version: int = 0) -> None:
        super().__init__(f"it is at version {version} now: read it again, then decide")
        self.version = version


class StockExists(FinalRefusal):
    """There is one of that name already; nothing was changed. `what` has that name."""

    reason = "STOCK_EXISTS"

    def __init__(self, what: str = "") -> None:
        super().__init__(
            f"there is another {what} with that code: change that one, or choose another code"
            if what
            else "there is an entry of that sku in that warehouse already: adjust or count that one"
        )


class StockLeft(FinalRefusal):
    """An entry with stock is not deleted: what is thrown away is a movement."""

    reason = "STOCK_LEFT"

    def __init__(self, total: int = 0) -> None:
        super().__init__(f"{total} are left: adjust the stock to 0 first, then delete the entry")
        self.total = total


class StockSharded(FinalRefusal):
    """An entry in several shards is not counted or deleted: nothing was changed. `shards` is how many take orders; 1 if
    only what other shards keep for reservations is in the way.
    """

    reason = "STOCK_SHARDED"

    def __init__(self, shards: int = 1) -> None:
        super().__init__(
            f"it lies in {shards} shards: set it to 1 first"
            if shards > 1
            else "reservations still keep some of it in other shards: ask again when they have ended"
        )
        self.shards = shards


class StockFull(FinalRefusal):
    """The total would be above the limit of an entry; nothing was changed. `room` is how many more it may have.
    `wanted` is said of the first shard of several, which knows only how many the others may have at most.
    """

    reason = "STOCK_FULL"

    def __init__(self, room: int = 0, *, wanted: int = 0) -> None:
        super().__init__(f"at most {room} more may be added to this entry")
        self.room = room
        self.wanted = wanted


class StockNotFound(FinalRefusal):
    """There is no such entry or warehouse in the organization."""

    reason = "NOT_FOUND"

    def __init__(self, what: str = "entry") -> None:
        super().__init__(f"there is no such {what}")


class OrderReserved(FinalRefusal):
    """The order has a reservation of other items that lives, or was committed; nothing was reserved."""

    reason = "ORDER_RESERVED"

    def __init__(self, reservation_id: str = "") -> None:
        super().__init__(f"the order has reservation {reservation_id}: cancel it before the order reserves other items")
        self.reservation_id = reservation_id


class ReservationEnded(FinalRefusal):
    """The reservation is not pending any more."""

    said = "the reservation is not pending any more"

    def __init__(self) -> None:
        super().__init__(self.said)


class ReservationCommitted(ReservationEnded):
    """It was committed."""

    reason = "RESERVATION_COMMITTED"
    said = "the reservation is committed"


class ReservationCancelled(ReservationEnded):
    """It was cancelled."""

    reason = "RESERVATION_CANCELLED"
    said = "the reservation was cancelled"


class ReservationExpired(ReservationEnded):
    """Its time ran out, and its units were given back; when it was committed then, not all were there any more."""

    reason = "RESERVATION_EXPIRED"
    said = "the reservation has expired"


class StockContended(RetryableRefusal):
    """Others are at these units at the moment, or free them."""

    reason = "STOCK_CONTENDED"

    def __init__(self, retry_after_ms: int = 100) -> None:
        super().__init__("others are at this stock: ask again", retry_after_ms=retry_after_ms)


class NotInTransit(FinalRefusal):
    """Fewer are on the way than that, or it was not said what becomes of them; nothing was changed."""

    reason = "NOT_IN_TRANSIT"

    def __init__(self, in_transit: int = 0, said: str = "") -> None:
        super().__init__(
            f"{in_transit} are in transit: {said}"
            if said
            else f"only {in_transit} are in transit: received, rejected and lost together may not be more"
        )
        self.in_transit = in_transit


class TransferEnded(FinalRefusal):
    """The transfer takes no such step any more, or not yet."""

    reason = "TRANSFER_STATUS"

    def __init__(self, status: str = "", said: str = "") -> None:
        now = f"the transfer is {status.lower().replace('_', ' ') or 'in another state'}"
        super().__init__(f"{now}: {said}" if said else now)
        self.status = status


class ApprovalEnded(FinalRefusal):
    """The adjustment does not wait any more; nothing was done."""

    reason = "APPROVAL_STATUS"

    def __init__(self, status: str = "", by: str = "") -> None:
        super().__init__(
            f"the adjustment is {status.lower() or 'decided'}{f' by {by}' if by else ''}: it waits no more"
        )
        self.status = status


class AdjustmentRejected(FinalRefusal):
    """The adjustment waited for another person, who rejected it, or nobody approved it in time; nothing was moved."""

    reason = "ADJUSTMENT_REJECTED"

    def __init__(self, approval_id: str = "", said: str = "it was rejected") -> None:
        super().__init__(f"{said}: nothing was moved")
        self.approval_id = approval_id


class OwnAdjustment(FinalRefusal):
    """Nobody decides about what they asked for themselves; it waits as before."""

    reason = "OWN_ADJUSTMENT"

    def __init__(self, said: str = "who asked for an adjustment does not decide about it") -> None:
        super().__init__(f"{said}: another person has to")


class OverReceived(FinalRefusal):
    """More came than is outstanding of a line of a purchase order; nothing was received. `outstanding` is how many."""

    reason = "OVER_RECEIVED"

    def __init__(self, outstanding: int = 0, sku: str = "") -> None:
        super().__init__(
            f"only {outstanding}{f' of {sku}' if sku else ''} are outstanding: order what came beyond that"
        )
        self.outstanding = outstanding


class PartlyReceived(FinalRefusal):
    """The first `lines` of a receipt were received, the next one was refused. The same receipt does nothing twice."""

    reason = "PARTLY_RECEIVED"

    def __init__(self, lines: int = 0, cause: str = "", said: str = "") -> None:
        super().__init__(f"the first {lines} lines were received, the next one was not{f': {said}' if said else ''}")
        self.lines = lines
        self.cause = cause


class PurchaseEnded(FinalRefusal):
    """The purchase order takes no such step any more; nothing was done."""

    reason = "PURCHASE_ORDER_STATUS"

    def __init__(self, status: str = "") -> None:
        now = status.lower().replace("_", " ") or "in another state"
        super().__init__(f"the purchase order is {now}: place another one for more")
        self.status = status


class TooManyOrders(FinalRefusal):
    """So many purchase orders are open for an entry that no other one is placed."""

    reason = "TOO_MANY_ORDERS"

    def __init__(self, orders: int = 0) -> None:
        super().__init__(f"{orders} purchase orders are open for an entry: receive or cancel some first")
        self.orders = orders
