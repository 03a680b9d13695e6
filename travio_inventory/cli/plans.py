"""Commands about seat plans: draw one, print an example, convert one of another system, write that of a trip."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from travio_inventory.cli import examples
from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, AsJson, ConnectionOptions, ask, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.seat_drawing import DrawnState, draw
from travio_inventory.cli.vehicles import drawn_seat, drawn_vehicle
from travio_inventory.client.client import InventoryClient
from travio_inventory.imports.documents import WrongFile, write_new
from travio_inventory.imports.hall_rows import Converted, Prices
from travio_inventory.imports.plan_text import plan_fields, plan_json, plan_toml
from travio_inventory.imports.pretix import read_pretix
from travio_inventory.imports.seat_plans import SeatPlan, plan_of_trip, read_plan
from travio_inventory.imports.seatsio import read_seatsio

READERS: dict[str, Callable[[Path, Prices], Converted]] = {"pretix": read_pretix, "seatsio": read_seatsio}
PlanFile = Annotated[Path, Parameter(help="A seat plan, as printed by `plan example`.")]
NewPlan = Annotated[Path, Parameter(help="The seat plan to write: JSON if its name ends in .json, else TOML.")]


def show(plan: PlanFile, /, *, as_json: AsJson = False) -> Exit:
    """Draw a seat plan, with its classes and prices."""
    screen = Screen(as_json=as_json)
    try:
        found = read_plan(plan)
    except WrongFile as wrong:
        return fail(screen, failure_of_plan(wrong, plan))
    screen.answer({"seats": len(found.seats), **plan_fields(found)}, lambda: _show(screen, found))
    return Exit.DONE


def failure_of_plan(wrong: WrongFile, path: Path | None) -> Failure:
    """The failure that reports a plan which cannot be read."""
    advice = "" if path is None or path.exists() else "`travio-inventory plan example` lists example plans"
    return _wrong_plan(wrong)._replace(advice=advice)


def _wrong_plan(wrong: WrongFile) -> Failure:
    return Failure(Exit.WRONG, "SEAT_PLAN", str(wrong))


def _show(screen: Screen, plan: SeatPlan) -> None:
    screen.say(f"{plan.name}  {len(plan.seats)} seats", "bold")
    screen.raw("")
    seats = [drawn_seat(seat, DrawnState.FREE) for seat in plan.seats]
    vehicle = drawn_vehicle(seats, plan.vehicle_type, plan.sections, plan.features)
    screen.draw(draw(vehicle, width=screen.width, fancy=screen.fancy))
    screen.raw("")
    kinds = Counter((seat.seat_class, seat.price_minor) for seat in plan.seats)
    screen.table(
        ["class", "price (minor units)", "seats"],
        [[name or "-", f"{price} {plan.currency}".strip(), count] for (name, price), count in kinds.items()],
    )


def show_example(
    name: Annotated[str | None, Parameter(help="Name of the example; without it all are listed.")] = None,
    /,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Print an example of a seat plan, or list the examples."""
    screen = Screen(as_json=as_json)
    known = {each: examples.about_plan(each) for each in examples.plan_names()}
    if name is None:
        rows = [{"example": each, "about": about} for each, about in known.items()]
        screen.answer({"examples": rows}, lambda: screen.fields(known))
    elif name in known:
        text = examples.plan_text(name)
        screen.answer({"example": name, "text": text}, lambda: screen.raw(text.rstrip()))
    else:
        said = f"the examples are {', '.join(known)}"
        return fail(screen, Failure(Exit.WRONG, "NO_EXAMPLE", f"no example {name!r}", said))
    return Exit.DONE


def _prices(_kind: type[list[str]], said: list[str] | None) -> None:
    _by_class(said or [])


def _by_class(said: list[str]) -> dict[str, int]:
    """The prices in "CLASS=MINOR"; the class may have any sign. Raises ValueError."""
    found = {}
    for each in said:
        seat_class, _, price = each.rpartition("=")
        if not seat_class or not (price.isascii() and price.isdigit()):
            raise ValueError("Must be CLASS=PRICE in minor units, as in Stalls=4500.")
        found[seat_class] = int(price)
    return found


def convert(
    file: Annotated[Path, Parameter(help="The file of the other system.")],
    out: NewPlan,
    /,
    *,
    system: Annotated[Literal["pretix", "seatsio"], Parameter(name="--from", help="The system that wrote the file.")],
    price: Annotated[
        list[str] | None,
        Parameter(
            help="CLASS=PRICE in minor units, for each class; a class without one costs 0.",
            validator=_prices,
            negative="",
        ),
    ] = None,
    currency: Annotated[str, Parameter(help="Currency of the prices (ISO 4217).")] = "",
    as_json: AsJson = False,
) -> Exit:
    """Convert a seat plan of another system: a seating plan of pretix, or a chart report byLabel of seats.io."""
    screen = Screen(as_json=as_json)
    prices = Prices(currency, _by_class(price or []))
    try:
        found = READERS[system](file, prices)
        write_plan(out, found.plan)
    except WrongFile as wrong:
        return fail(screen, _wrong_plan(wrong))
    classes = Counter(seat.seat_class for seat in found.plan.seats)
    free = sorted(set(classes) - set(prices.by_class))
    screen.answer(
        {"plan": str(out), "classes": dict(classes), "left_out": dict(found.left_out), "without_price": free},
        lambda: screen.fields(
            {
                "plan": f"{out}: {len(found.plan.seats)} seats",
                "classes": _counted(classes),
                "left out": _counted(found.left_out) or "nothing",
                **({"without price": f"{', '.join(free)}: they cost 0; name it with --price"} if free else {}),
            }
        ),
    )
    return Exit.DONE


def export(
    trip: TripId,
    out: NewPlan,
    /,
    *,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Write the seats of an open trip as a seat plan."""
    failed: list[WrongFile] = []

    async def work(client: InventoryClient, screen: Screen) -> None:
        plan = plan_of_trip(await client.trip(trip))
        try:
            write_plan(out, plan)
        except WrongFile as wrong:
            failed.append(wrong)
            return
        seats = len(plan.seats)
        screen.answer({"plan": str(out), "seats": seats}, lambda: screen.say(f"{out}: {seats} seats"))

    ended = ask(reach, work)
    return fail(Screen(as_json=reach.as_json), _wrong_plan(failed[0])) if failed else ended


def write_plan(path: Path, plan: SeatPlan) -> None:
    """Write the plan to a new file. Raises WrongFile."""
    write_new(path, plan_json(plan) if path.suffix.lower() == ".json" else plan_toml(plan))


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name or '-'}" for name, count in counts.items())
