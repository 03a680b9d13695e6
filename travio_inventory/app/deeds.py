"""Records what the house does, before it is done and after: use cases of the house, and what operators do by commands
that work on the store itself.
"""

import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from travio_inventory.app.backends import Store
from travio_inventory.kernel.actor import Actor, ActorKind, operator
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.ids import fault_of
from travio_inventory.kernel.refusals import OutcomeUnknown, Refusal
from travio_inventory.seats.deed import BEGAN, DONE
from travio_inventory.seats.records.deeds import Deeds
from travio_inventory.seats.use_cases import Inventory
from travio_inventory.settings import Settings

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
PLANS = {"put": "store seat plan", "delete": "delete seat plan"}
"""Verbs of the use case that keeps seat plans. A large plan is stored in parts, each of them a deed."""
STOPPED = "stopped"
"""How a deed ended that failed on the way or was interrupted."""
IN_A_HOLDERS_PLACE = {"cancel_booking": "cancel booking", "erase_passengers": "erase passengers"}
"""Use cases that are recorded unless a user calls them: of those the events tell."""
NAMES = ("trip_id", "hold_id", "inventory_id", "transfer_id", "code", "sku", "warehouse_id")
"""What commands call that which they are about."""
COUNTS = ("quantity", "total", "received", "rejected", "lost")
"""What commands call how many."""


def deeds_of(settings: Settings, store: Store) -> Deeds:
    """Where it is recorded what the house does."""
    return Deeds(store.batches, SystemClock(), kept_s=settings.retention.deeds_seconds)


def recorded(inventory: Inventory, deeds: Deeds) -> Inventory:
    """The inventory, whose deeds of the house are recorded."""
    wrapped: dict[str, Any] = {}
    for names, always in ((OF_THE_HOUSE, True), (IN_A_HOLDERS_PLACE, False)):
        for name, verb in names.items():
            wrapped[name] = recorded_call(getattr(inventory, name), deeds, verb, always=always)
    wrapped["seat_plans"] = RecordedVerbs(inventory.seat_plans, deeds, PLANS)
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


@dataclass(slots=True)
class Ending:
    """How a deed ends, unless it is stopped."""

    outcome: str = DONE
    stopped: str = STOPPED


@asynccontextmanager
async def one_deed(deeds: Deeds, actor: Actor, verb: str, about: str) -> AsyncIterator[Ending]:
    """Record what is done within, which says how it ended. Raises BackendUnavailable: then it must not be done."""
    deed = await deeds.begin(actor, verb, about)
    ending = Ending()
    try:
        yield ending
    except OutcomeUnknown:
        raise
    except BaseException:
        await deeds.end(actor.organization, deed, ending.stopped)
        raise
    await deeds.end(actor.organization, deed, ending.outcome)


def operator_here(organization: str = "") -> Actor:
    """Whoever typed the command, by their name on this machine, or by their number where they have none."""
    uid = os.getuid()
    try:
        name = os.environ.get("SUDO_USER") or pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return operator(f"uid-{uid}" if fault_of(name) else name, organization)


class RecordedVerbs:
    """A use case some verbs of which are recorded."""

    def __init__(self, use_case: object, deeds: Deeds, verbs: Mapping[str, str]) -> None:
        self._use_case = use_case
        self._deeds = deeds
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the use case has
        found = getattr(self._use_case, name)
        return recorded_call(found, self._deeds, self._verbs[name], always=True) if name in self._verbs else found


def about(asked: object) -> str:
    """What a deed is about: a trip, a seat plan, a booking, an entry, a transfer or a warehouse, with what is to be
    done where that is short; never passengers.
    """
    key = getattr(asked, "key", asked)
    said = (getattr(asked, name, "") for name in NAMES)
    named = asked if isinstance(asked, str) else " ".join(str(each) for each in said if each)
    by_key = (getattr(key, name, "") for name in ("trip", "plan"))
    words = [named or next((each for each in by_key if each and isinstance(each, str)), "")]
    if action := getattr(asked, "action", ""):
        words.append(str(action))
    words += [f"{name} {count}" for name in COUNTS if (count := getattr(asked, name, 0))]
    if lines := getattr(asked, "lines", ()):
        words.append(f"{len(lines)} lines")
    if updates := getattr(asked, "updates", ()):
        words += [f"{'block' if each.is_blocked else 'unblock'} {each.seat_id}" for each in updates]
    return " ".join(filter(None, words))
