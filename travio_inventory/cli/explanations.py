"""The command that explains a seat, for support and disputes."""

import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated

from cyclopts import Parameter

from travio_inventory.cli.arguments import TripId
from travio_inventory.cli.connection_options import HERE, ConnectionOptions, ask
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.client.answers import SeatExplanation, SeatOnSegment, SeatTrace
from travio_inventory.client.client import InventoryClient


def explain(
    trip: TripId,
    seat: Annotated[str, Parameter(help="The seat's id.")],
    /,
    *,
    reach: ConnectionOptions = HERE,
) -> Exit:
    """Explain a seat: who has it, who had it, who was refused it. Passengers are never shown."""

    async def work(client: InventoryClient, screen: Screen) -> None:
        found = await client.explain_seat(trip, seat)
        value = {
            "trip": trip,
            "seat": seat,
            "segments": list(map(_segment, found.segments)),
            "traces": list(map(_trace, found.traces)),
            "left_out": found.left_out,
        }
        screen.answer(value, lambda: _show(screen, found))

    return ask(reach, work)


def _show(screen: Screen, found: SeatExplanation) -> None:
    screen.say("now", "bold")
    _table(screen, _in_ranges(map(_segment, found.segments)))
    screen.raw("")
    screen.say("before", "bold")
    if found.traces:
        _table(screen, list(map(_trace, found.traces)))
    else:
        screen.say("nothing that is kept names the seat")
    screen.raw("")
    screen.say(found.left_out)


def _table(screen: Screen, lines: Sequence[dict[str, object]]) -> None:
    screen.table(list(lines[0]), [["" if value is None else value for value in line.values()] for line in lines])


def _in_ranges(segments: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Neighbouring segments of which the same is said are one line."""
    lines: list[dict[str, object]] = []
    for _, same in groupby(segments, lambda line: [line[name] for name in line if name != "segment"]):
        first, *others = same
        segment = f"{first['segment']}-{others[-1]['segment']}" if others else first["segment"]
        lines.append({**first, "segment": segment})
    return lines


def _segment(cell: SeatOnSegment) -> dict[str, object]:
    return {
        "segment": cell.segment,
        "status": cell.status,
        "hold": cell.hold,
        "since": _exact(cell.since),
        "until": _exact(cell.hold_expires_at or cell.until),
        "hold_status": cell.hold_status,
        "user": cell.user,
        "order": cell.order,
    }


def _trace(trace: SeatTrace) -> dict[str, object]:
    return {
        "at": _exact(trace.at),
        "from": trace.source,
        "what": trace.what,
        "hold": trace.hold,
        "user": trace.user,
        "order": trace.order,
        "seats": shlex.join(trace.seats),
        "segments": f"{trace.journey.first}-{trace.journey.last}" if trace.journey else "",
        "until": _exact(trace.until),
        "last_step": _exact(trace.changed_at),
        "by": trace.actor,
        "reason": trace.reason,
        "taken_by": "; ".join(f"{taker.segment} {taker.status} {taker.hold}" for taker in trace.takers),
    }


def _exact(moment: datetime | None) -> str:
    """To the millisecond, "" if there is no time."""
    return moment.isoformat(timespec="milliseconds") if moment else ""
