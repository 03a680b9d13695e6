"""A reservation: units of several stock keeping units, kept for an order until a moment; every line or none.

What can be asked of reservations, and who answers (`use_cases.reserve_stock.ReserveStock`, Actor first):

    reserve(actor, Reserve)             -> Reservation   scope stock:reserve
    commit(actor, OfReservation)        -> Reservation   scope stock:reserve
    cancel(actor, OfReservation)        -> Reservation   scope stock:reserve; what was committed is returned
    one(actor, reservation_id)          -> Reservation   scope stock:read
    of_order(actor, order_id)           -> Reservation   scope stock:read; the last one of the order

Refusals: InsufficientStock, OrderReserved, ReservationExpired, ReservationCancelled, ReservationCommitted,
StockNotFound, StockContended (ask again), IdempotencyKeyReused, Overloaded, BackendUnavailable, OutcomeUnknown.
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, assert_never

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.quick import quick
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.protocol.hold import (
    Aborted,
    Cancelled,
    Confirmed,
    Expired,
    Forgotten,
    Held,
    HoldId,
    HoldState,
    Recorded,
    Released,
    base_id,
    claimant_of,
    digest_of,
)
from travio_inventory.stock.allocation import Rule, ShipTo
from travio_inventory.stock.entry import NOWHERE, QUANTITY_MAX
from travio_inventory.stock.refusals import StockNotFound

ITEMS_MAX = 100
"""Of one request."""
LINES_MAX = 200
"""Of one reservation, each in a warehouse."""
TTL_S_DEFAULT = 900
TTL_S_MAX = 86_400


class Item(NamedTuple):
    """So many of a stock keeping unit, of that warehouse, or of any."""

    sku: str
    quantity: int
    warehouse_id: str = ""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve these items for an order: every one, or nothing. Items of the same kind are added up.

    An order has one reservation that lives. A repetition with the same `key`, or of the same items for the order, is
    answered by it. Where `allow_split`, one item may come from several warehouses. Which ones, `allocation` says: by
    `ship_to`, and by these `rules` in their order, by those of the service if there are none. Raises InvalidRequest.
    """

    order_id: str
    items: Sequence[Item]
    key: str = ""
    ttl_s: int = TTL_S_DEFAULT
    allow_split: bool = True
    ship_to: ShipTo | None = None
    rules: Sequence[Rule] = ()

    def __post_init__(self) -> None:
        found = Faults()
        found.id("order_id", self.order_id)
        found.id("idempotency_key", self.key, required=False)
        found.number("ttl_seconds", self.ttl_s, 1, TTL_S_MAX)
        if found.count("items", self.items, 1, ITEMS_MAX):
            for index, item in enumerate(self.items):
                within = found.at(f"items[{index}].")
                within.id("sku", item.sku)
                within.id("warehouse_id", item.warehouse_id, required=False)
                within.number("quantity", item.quantity, 1, QUANTITY_MAX)
        found.finish()

    @property
    def merged(self) -> tuple[Item, ...]:
        """The items, each stock keeping unit and warehouse once, in order."""
        sums: dict[tuple[str, str], int] = {}
        for sku, quantity, warehouse in self.items:
            sums[sku, warehouse] = sums.get((sku, warehouse), 0) + quantity
        return tuple(Item(sku, quantity, warehouse) for (sku, warehouse), quantity in sorted(sums.items()))

    @property
    def fingerprint(self) -> str:
        """Equal for two that ask for the same."""
        to = () if self.ship_to is None else ("ship_to", *map(str, astuple(self.ship_to)))
        parts = (str(part) for item in self.merged for part in item)
        by = ("rules", *self.rules) if self.rules else ()
        return digest_of("reserve", str(self.allow_split), *parts, *to, *by)


@dataclass(frozen=True, slots=True)
class OfReservation:
    """A reservation, by its id or by its order; with `inventory_ids`, those of its lines. Raises InvalidRequest."""

    reservation_id: str = ""
    order_id: str = ""
    inventory_ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        found = Faults()
        found.id("reservation_id", self.reservation_id, required=False)
        found.id("order_id", self.order_id, required=False)
        if bool(self.reservation_id) == bool(self.order_id):
            found.wrong("reservation_id", "must be named, or an order_id, and not both")
        if found.count("inventory_ids", self.inventory_ids, 0, LINES_MAX):
            found.ids("inventory_ids", self.inventory_ids)
        found.finish()

    @property
    def parts(self) -> frozenset[str] | None:
        """The lines that are meant; None if all are."""
        return frozenset(self.inventory_ids) or None


class Status(StrEnum):
    """What became of a reservation."""

    PENDING = "PENDING"
    COMMITTED = "COMMITTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class ReservedLine(NamedTuple):
    """So many units of an entry. `place` is the number of its partition."""

    inventory_id: str
    sku: str
    warehouse_id: str
    place: int
    quantity: int


@quick
@dataclass(frozen=True)
class Reservation:
    """A hold of the protocol. Its holder is its order; the first line's partition is its home."""

    id: str
    organization: str
    order_id: str
    lines: tuple[ReservedLine, ...]
    created_at_ms: int
    claimant: str
    state: HoldState
    reserved_by: str = ""
    """The user who asked for it, "" for a program."""
    expires_at_ms: int = 0
    """When it runs out, or did, or would have."""
    updated_at_ms: int = 0
    extensions: int = 0
    recorded: Recorded = field(default=NOWHERE, compare=False)
    given_up: tuple[str, ...] = ()
    """The lines that it has no more, by the ids of their entries."""
    is_planned: bool = field(default=False, compare=False)
    """Its lines were chosen for it: where there is too little others may do."""
    by: ActorKind = field(default=ActorKind.SERVICE, compare=False)
    """Who takes the next step."""
    was: HoldState | None = field(default=None, compare=False)
    """Its state before some of its lines were given up, in the step that did so."""
    moves: int = 0
    """None: a line stays where it is."""

    @property
    def status(self) -> Status:
        """What became of it."""
        match self.state:
            case Held():
                return Status.PENDING
            case Confirmed():
                return Status.COMMITTED
            case Released() | Cancelled():
                return Status.CANCELLED
            case Expired():
                return Status.EXPIRED
            case Aborted() | Forgotten():
                raise ValueError(f"no reservation is {self.state}")
            case _:
                assert_never(self.state)

    @property
    def known_as(self) -> str:
        """The id that it was made under: it stays so where it is committed late, under a row of its own."""
        return base_id(self.id)

    @property
    def holder(self) -> str:
        """See Hold."""
        return self.order_id

    @property
    def parts(self) -> tuple[str, ...]:
        """See Hold: each line is a part."""
        return tuple(line.inventory_id for line in self.lines)

    @property
    def given_back(self) -> tuple[str, ...]:
        """See Hold."""
        return self.given_up

    def with_state(self, state: HoldState) -> "Reservation":
        """See Hold."""
        return replace(self, state=state)

    def stepped_at(self, at_ms: int) -> "Reservation":
        """See Hold."""
        return replace(self, updated_at_ms=at_ms)

    def extended(self, until_ms: int) -> "Reservation":
        """See Hold."""
        return replace(self, state=Held(until_ms), expires_at_ms=until_ms, extensions=self.extensions + 1)

    def booked_late(self, late: str, state: HoldState) -> "Reservation":
        """See Hold."""
        return replace(self, id=late, state=state, extensions=self.extensions + 1)

    def keeping(self, parts: Collection[str], state: HoldState) -> "Reservation":
        """See Hold."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.inventory_id in parts),
            state=state,
            extensions=self.extensions + (type(state) is type(self.state)),
            was=self.state,
            given_up=(*self.given_up, *(part for part in self.parts if part not in parts)),
        )

    def unnamed(self) -> "Reservation":
        """See Hold: it names nobody."""
        return self

    def never_had(self, parts: Collection[str]) -> Refusal:
        """See Hold."""
        return StockNotFound(f"line of the reservation as {', '.join(sorted(parts))}")


@quick
@dataclass(frozen=True)
class Planned:
    """A request of the protocol: the lines that were chosen for what was asked for."""

    organization: str
    asked: Reserve
    lines: tuple[ReservedLine, ...]
    reserved_by: str
    is_planned: bool

    @property
    def actor(self) -> Actor:
        """See Request: an order holds its reservation."""
        return holder_of(self.organization, self.asked.order_id)

    @property
    def key(self) -> str | None:
        """See Request."""
        return self.asked.key or None

    @property
    def fingerprint(self) -> str:
        """See Request."""
        return self.asked.fingerprint

    @property
    def claimant(self) -> str:
        """See Request."""
        return claimant_of(self.actor, self.key)

    def new_id(self, digest: str) -> str:
        """See Request."""
        return str(HoldId(self.lines[0].sku, self.lines[0].place, digest, is_late=False))

    def hold(self, hold_id: str, now_ms: int) -> Reservation:
        """See Request."""
        until_ms = now_ms + self.asked.ttl_s * 1_000
        return Reservation(
            hold_id,
            self.organization,
            self.asked.order_id,
            self.lines,
            now_ms,
            self.claimant,
            Held(until_ms),
            self.reserved_by,
            until_ms,
            now_ms,
            is_planned=self.is_planned,
        )


def holder_of(organization: str, order_id: str, by: ActorKind = ActorKind.SERVICE) -> Actor:
    """The order, as the protocol knows a holder."""
    return Actor(organization, order_id, frozenset(), by)
