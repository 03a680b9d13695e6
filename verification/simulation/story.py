"""Shows a run as a story: the calls, the answers, and what took effect when."""

import re
from collections.abc import Iterator

from travio_inventory.protocol.batches import Kind, Row
from travio_inventory.protocol.rows import SEPARATOR
from verification.simulation.history import Call, Place
from verification.simulation.oracle import Landed, seconds_of
from verification.simulation.world import World

TIMES = ("until_ms", "since_ms", "expires_at_ms", "created_at_ms", "joined_at_ms", "at_ms", "previous_at_ms")


LINES_MAX = 80
"""A longer story is reduced to the lines about what went wrong."""
DIGEST = re.compile(r"([0-9a-f]{6})[0-9a-f]{10,26}")
NAMES = re.compile(r"t~\d+~[0-9a-f]{6}|#\d+")


def what_led_to(world: World) -> list[str]:
    """The story up to the first broken promise; of a long one, the lines about the holds and calls that it names."""
    lines = story(world)
    if not world.violations:
        return lines
    first = _short(world.violations[0])
    at_s = re.match(r"\d+\.\d\d ", first)
    if at_s:
        lines = [line for line in lines if float(line.split()[0]) <= float(at_s.group()) + 0.01]
    if len(lines) <= LINES_MAX:
        return lines
    names = set(NAMES.findall(first))
    names |= {name for line in lines if any(map(line.__contains__, names)) for name in re.findall(r"#\d+", line)}
    about = [line for line in lines if names & set(NAMES.findall(line))]
    return ["...", *about[-LINES_MAX:]]


def story(world: World) -> list[str]:
    """Everything that happened, in order, one line each; digests are shortened."""
    lines: list[tuple[float, str]] = []
    for call in world.front.calls:
        whom = call.holder or "the house"
        lines.append((call.invoked_s, f"#{call.number} {whom} asks {call.process}: {call.op} {_asked(call)}"))
        if call.returned_s < float("inf"):
            told = " ".join(filter(None, (call.answer, call.told, call.status, *map(_place, call.places))))
            lines.append((call.returned_s, f"#{call.number} is told: {told}"))
    for landed in world.oracle.landed:
        lines += [(landed.at_s, change) for change in _changes(landed)]
    return [f"{at_s:8.3f} {_short(text)}" for at_s, text in sorted(lines, key=lambda line: line[0])]


def transcript(world: World) -> str:
    """The whole run as one text: the story, then the violations."""
    return "\n".join([*story(world), *(f"VIOLATED {violation}" for violation in world.violations), ""])


def _short(text: str) -> str:
    return DIGEST.sub(r"\1", text)


def _asked(call: Call) -> str:
    cells = " ".join(f"{seat}/{segment}" for seat, segment in call.cells if call.op != "map")
    return " ".join(filter(None, (call.subject, cells, call.order)))


def _place(place: Place) -> str:
    return f"place {place.position} for {place.seats} in {_list(place.seat_class)}"


def _list(seat_class: str) -> str:
    return f"class {seat_class or 'any'}"


def _changes(landed: Landed[Call]) -> Iterator[str]:
    """A batch as it took effect, row by row."""
    by = f"#{landed.call.number}" if landed.call else "a worker"
    name = landed.partition.name.replace(SEPARATOR, " ")
    place = f"{landed.partition.table} {name} {landed.partition.number}"
    for key, before, after in landed.changes:
        if key.kind is Kind.CELL and not before:
            continue
        if key.kind is Kind.EVENT:
            yield f"    by {by} in {place}: event {after['type']} of {after['subject']}"
            continue
        name = f"{key.id}/{key.segment}" if key.kind is Kind.CELL else key.id
        yield f"    by {by} in {place}: {key.kind} {name}: {_changed(before, after)}"


def _changed(before: Row, after: Row) -> str:
    """The columns that changed; times in seconds since the run began."""
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    return ", ".join(f"{name}={_value(name, after)}" for name in names) or "as it was"


def _value(name: str, row: Row) -> str:
    value = row.get(name)
    return f"{seconds_of(value):.3f}" if name in TIMES and isinstance(value, int) else f"{value}".replace("\n", ",")
