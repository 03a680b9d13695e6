"""What is told of a reservation: that it was made, committed, or given back."""

from typing import Any, Final, assert_never

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Step
from travio_inventory.kernel.json_text import encode
from travio_inventory.protocol.hold import Aborted, Cancelled, Confirmed, Expired, Forgotten, Held, Released
from travio_inventory.stock.events import VERSION, StockEvent
from travio_inventory.stock.reservation import Reservation

RESERVATION_EVENTS: Final = frozenset({StockEvent.RESERVED, StockEvent.COMMITTED, StockEvent.RELEASED})


def step_to(reservation: Reservation) -> Step:
    """The event of the step that brought it to its state. Its ordinal counts its steps, a late one too."""
    ordinal, kind = _kind(reservation)
    state = reservation.state
    data: dict[str, Any] = {
        "reservationId": reservation.known_as,
        "orderId": reservation.order_id,
        "status": reservation.status.value,
        "lines": [
            {"inventoryId": line.inventory_id, "sku": line.sku, "warehouseId": line.warehouse_id,
             "quantity": line.quantity}
            for line in reservation.lines
        ],
    }  # fmt: skip
    if reservation.given_up:
        data["givenUp"] = list(reservation.given_up)
    if isinstance(state, Held):
        data["expiresAtMs"] = state.expires_at_ms
    actor = ActorKind.SYSTEM if isinstance(state, Expired) else reservation.by
    return Step(ordinal, kind, VERSION, actor, encode(data))


def _kind(reservation: Reservation) -> tuple[int, StockEvent]:
    """Its place among the events of the reservation, and its type. A reservation that gave up some of its lines, and
    lives, is told as it is then.
    """
    done = reservation.extensions
    match reservation.state:
        case Held():
            return done, StockEvent.RELEASED if reservation.was is not None else StockEvent.RESERVED
        case Confirmed():
            is_cut = isinstance(reservation.was, Confirmed)
            return done + 1, StockEvent.RELEASED if is_cut else StockEvent.COMMITTED
        case Released() | Expired():
            return done + 1, StockEvent.RELEASED
        case Cancelled():
            return done + 2, StockEvent.RELEASED
        case Aborted() | Forgotten():
            raise ValueError("an aborted attempt has no event")
        case _:
            assert_never(reservation.state)
