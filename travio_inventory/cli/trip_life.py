"""Commands about the life of a trip: list, close, reopen, freeze, unfreeze, cancel, change prices and times."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.cli.arguments import TripId, stamp
from travio_inventory.cli.asking import NOBODY, answer_to, may_ask
from travio_inventory.cli.connection_options import HERE, WHOLE_TRIP_S, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failed, Failure
from travio_inventory.cli.opening_progress import percent
from travio_inventory.cli.screen import Screen, printable
from travio_inventory.client.answers import ListedTrip, TripSale
from travio_inventory.client.client import InventoryClient
from travio_inventory.seats.commands import SalesAction

Version = Annotated[
    int, Parameter(help="Only if the trip is of this version, as `trip show` tells it.", validator=Number(gte=0))
]


def close(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Close the sales of a trip: no new holds. What is held goes on. Every process goes by it within seconds."""
    return _control(trip, SalesAction.CLOSE, reach)


def reopen(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Open closed sales again."""
    return _control(trip, SalesAction.REOPEN, reach)


def freeze(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """Close the sales of a trip for every process at once. What is held goes on."""
    return _control(trip, SalesAction.FREEZE, reach)


def unfreeze(trip: TripId, /, *, reach: ConnectionOptions = HERE) -> Exit:
    """End a freeze. Sales that were closed stay closed."""
    return _control(trip, SalesAction.UNFREEZE, reach)


def _control(trip: str, action: SalesAction, reach: ConnectionOptions) -> Exit:
    async def work(client: InventoryClient, screen: Screen) -> None:
        sale = await client.control_sales(trip, action)
        state = _word(sale)
        screen.answer(
            {"trip": trip, "state": state, "version": sale.version}, lambda: screen.say(f"{trip} is {state}", "bold")
        )

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def cancel(
    trip: TripId,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask; needed where nobody is at a terminal.")] = False,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Cancel a trip for good: release its holds, cancel its bookings. Repeat it if it is interrupted."""
    if not (yes or may_ask()):
        return fail(Screen(as_json=reach.as_json), Failure(Exit.WRONG, "INVALID_ARGUMENT", NOBODY))
    if not (yes or _is_meant(trip)):
        sys.stderr.write("nothing was done\n")
        return Exit.NO

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.cancel_trip(trip)
        value = {"trip": trip, "state": _word(found.sale), "released": found.released, "cancelled": found.cancelled}
        said = f"{trip} is {_word(found.sale)}: {found.released} holds released, {found.cancelled} bookings cancelled"
        screen.answer(value, lambda: screen.say(said, "bold"))

    return ask(reach, work, deadline_s=WHOLE_TRIP_S)


def prices(
    trip: TripId,
    /,
    *,
    seat: Annotated[tuple[str, ...], Parameter(negative="", help="SEAT=PRICE, in minor units; may be repeated.")] = (),
    class_: Annotated[
        tuple[str, ...], Parameter(name="--class", negative="", help="CLASS=PRICE, in minor units; may be repeated.")
    ] = (),
    version: Version = 0,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Change prices of classes and of single seats. What is held keeps its price."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        changed = await client.change_trip(
            trip,
            class_prices=dict(map(_price, class_)),
            seat_prices=dict(map(_price, seat)),
            version=version,
        )
        _say_version(screen, trip, changed)

    return ask(reach, work)


def times(
    trip: TripId,
    /,
    *segments: Annotated[
        str, Parameter(help="SEGMENT=DEPARTS/ARRIVES, such as 0=2027-06-05T08:00Z/2027-06-05T09:10Z.")
    ],
    version: Version = 0,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Change the times of segments. Times without an offset are in UTC; none is an unknown one."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        _say_version(screen, trip, await client.change_trip(trip, times=dict(map(_times, segments)), version=version))

    return ask(reach, work)


def show_list(
    *,
    date: Annotated[
        str, Parameter(help="The first day of departure in UTC, such as 2027-06-05; today if left out.")
    ] = "",
    days: Annotated[int, Parameter(help="How many days.", validator=Number(gte=1, lte=366))] = 31,
    untimed: Annotated[bool, Parameter(negative="", help="The trips without times instead.")] = False,
    most: Annotated[int, Parameter(help="At most so many trips.", validator=Number(gte=1, lte=100_000))] = 1_000,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """List the trips of the organization by departure, with their state."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        first = _day(date)
        span = (None, None) if untimed else (first, first + timedelta(days=days))
        found = await client.list_trips(*span, most=most + 1)
        found, is_all = found[:most], len(found) <= most
        rows = [_as_plain(each) for each in found]
        titles = ["departs (UTC)", "trip", "from", "to", "seats", "state"]
        none = "no trips without times" if untimed else f"no trips depart in the {days} days from {first:%Y-%m-%d}"

        def show() -> None:
            if found:
                screen.table(titles, list(map(_row, found)))
            else:
                screen.say(f"{none}; see --date, --days, --untimed")

        screen.answer({"trips": rows, "is_all": is_all}, show)
        if not (is_all or screen.as_json):
            screen.say(f"there are more: these are the first {most}; see --most, --date, --days")

    return ask(reach, work)


def _is_meant(trip: str) -> bool:
    asked = f"This releases every hold and cancels every booking of {printable(trip)}, for good. Type its id to go on: "
    return answer_to(asked) == trip


def _word(sale: TripSale) -> str:
    return (sale.state.name or "").lower()


def _state(trip: ListedTrip) -> str:
    return "opening" if trip.opening else _word(trip.sale)


def _say_version(screen: Screen, trip: str, version: int) -> None:
    screen.answer({"trip": trip, "version": version}, lambda: screen.say(f"{trip} is of version {version}", "bold"))


def _wrong(what: str, said: str) -> Failed:
    return Failed(Failure(Exit.WRONG, "INVALID_ARGUMENT", f"{what}: {said}"))


def _price(text: str) -> tuple[str, int]:
    name, _, price = text.rpartition("=")
    if not name or not (price.isascii() and price.isdigit()):
        raise _wrong("price", f"must be NAME=PRICE in minor units, not {text!r}")
    return name, int(price)


def _times(text: str) -> tuple[int, tuple[int, int]]:
    segment, _, ends = text.partition("=")
    departs, slash, arrives = ends.partition("/")
    try:
        if not slash or not (segment.isascii() and segment.isdigit()):
            raise ValueError(text)
        return int(segment), (_second(departs), _second(arrives))
    except ValueError:
        example = "0=2027-06-05T08:00Z/2027-06-05T09:10Z"
        raise _wrong("times", f"must be SEGMENT=DEPARTS/ARRIVES, as {example}, not {text!r}") from None


def _second(text: str) -> int:
    if not text:
        return 0
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _day(text: str) -> datetime:
    try:
        day = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError:
        raise _wrong("date", f"must be a day such as 2027-06-05, not {text!r}") from None
    return day.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)


def _as_plain(trip: ListedTrip) -> dict[str, object]:
    return {
        "trip": trip.trip,
        "state": _state(trip),
        "version": trip.sale.version,
        "opened_at": stamp(trip.opened_at),
        "from": trip.origin,
        "to": trip.destination,
        "departs_at": stamp(trip.departs_at),
        "arrives_at": stamp(trip.arrives_at),
        "seats": trip.seats,
        "opened_percent": percent(trip.opening) if trip.opening else 100,
    }


def _row(trip: ListedTrip) -> list[object]:
    departs = trip.departs_at.strftime("%Y-%m-%d %H:%M") if trip.departs_at else "-"
    done = f" ({percent(trip.opening)} %)" if trip.opening else ""
    return [departs, trip.trip, trip.origin, trip.destination, trip.seats, f"{_state(trip)}{done}"]
