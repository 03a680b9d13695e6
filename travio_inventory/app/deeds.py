"""Records what the house does: each such use case is wrapped, so that it is recorded before it is done, and after."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from travio_inventory.kernel.actor import Actor, ActorKind
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal
from travio_inventory.seats.deed import BEGAN, DONE
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.use_cases import Inventory

T = TypeVar("T")

OF_THE_HOUSE = {
    "open_trip": "open trip",
    "control_sales": "control sales",
    "cancel_trip": "cancel trip",
    "change_trip": "change trip",
    "swap_vehicle": "swap vehicle",
    "block_seats": "block or unblock seats",
}
"""Use cases of the house, and what they are called in the record."""
IN_A_HOLDERS_PLACE = {"cancel_booking": "cancel booking", "erase_passengers": "erase passengers"}
"""Use cases that are recorded unless a user calls them: of those the events tell."""
NAMES = ("trip_id", "hold_id", "inventory_id", "transfer_id", "code", "sku", "warehouse_id")
"""What commands call that which they are about."""
COUNTS = ("quantity", "total", "received", "rejected", "lost")
"""What commands call how many."""


def recorded(inventory: Inventory, deeds: Deeds) -> Inventory:
    """The inventory, whose deeds of the house are recorded."""
    wrapped: dict[str, Any] = {}
    for names, always in ((OF_THE_HOUSE, True), (IN_A_HOLDERS_PLACE, False)):
        for name, verb in names.items():
            wrapped[name] = recorded_call(getattr(inventory, name), deeds, verb, always=always)
    return replace(inventory, **wrapped)


def recorded_call(use_case: T, deeds: Deeds, verb: str, *, always: bool) -> T:
    """What does the same, and is recorded."""
    done = cast(Callable[..., Awaitable[Any]], use_case)

    async def do(actor: Actor, asked: Any, *others: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the use case takes
        if not always and actor.kind is ActorKind.USER:
            return await done(actor, asked, *others, **named)
        deed = await deeds.begin(actor, verb, about(asked))
        try:
            result = await done(actor, asked, *others, **named)
        except Refusal as refusal:
            unknown = isinstance(refusal, OutcomeUnknown)
            await deeds.end(actor.organization, deed, BEGAN if unknown else refusal.reason)
            raise
        await deeds.end(actor.organization, deed, DONE)
        return result

    return cast(T, do)


def about(asked: object) -> str:
    """What a deed is about: a trip, a booking, an entry, a transfer or a warehouse, with what is to be done where that
    is short; never passengers.
    """
    key = getattr(asked, "key", None)
    said = (getattr(asked, name, "") for name in NAMES)
    named = asked if isinstance(asked, str) else " ".join(str(each) for each in said if each)
    words = [named or str(getattr(key, "trip", ""))]
    if action := getattr(asked, "action", ""):
        words.append(str(action))
    words += [f"{name} {count}" for name in COUNTS if (count := getattr(asked, name, 0))]
    if lines := getattr(asked, "lines", ()):
        words.append(f"{len(lines)} lines")
    if updates := getattr(asked, "updates", ()):
        words += [f"{'block' if each.is_blocked else 'unblock'} {each.seat_id}" for each in updates]
    return " ".join(filter(None, words))
