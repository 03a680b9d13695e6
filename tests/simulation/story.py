"""Tells a run: who asked for what, what they were told, and what took effect when."""

from collections.abc import Iterator

from tests.simulation.history import Call
from tests.simulation.oracle import Landed, seconds_of
from tests.simulation.world import World
from travio_inventory.store.batches import Kind, Row

TIMES = ("until", "since", "expires_at", "created_at", "at")


def story(world: World) -> list[str]:
    """All that happened, in the order in which it did, one line each."""
    lines = []
    for call in world.history.calls:
        lines.append((call.invoked_s, f"#{call.number} asks: {call.op} {_asked(call)}"))
        if call.returned_s < float("inf"):
            told = " ".join(filter(None, (call.answer, call.told, call.status)))
            lines.append((call.returned_s, f"#{call.number} is told: {told}"))
    for landed in world.oracle.landed:
        lines += [(landed.at_s, change) for change in _changes(landed)]
    return [f"{at_s:8.3f} {line}" for at_s, line in sorted(lines, key=lambda line: line[0])]


def transcript(world: World) -> str:
    """The whole run as one text: the story, then the violations."""
    return "\n".join([*story(world), *(f"VIOLATED {violation}" for violation in world.violations), ""])


def _asked(call: Call) -> str:
    cells = " ".join(f"{seat}/{segment}" for seat, segment in call.cells)
    return " ".join(filter(None, (call.subject, cells, call.order)))


def _changes(landed: Landed[Call]) -> Iterator[str]:
    """A batch as it took effect, row by row."""
    by = f"#{landed.call.number}" if landed.call else "a worker"
    place = f"{landed.partition.table} {landed.partition.name} {landed.partition.number}"
    for key, before, after in landed.changes:
        if key.kind is Kind.GUARD or (key.kind is Kind.CELL and not before):
            continue
        name = f"{key.id}/{key.segment}" if key.kind is Kind.CELL else key.id
        yield f"    by {by} in {place}: {key.kind} {name}: {_changed(before, after)}"


def _changed(before: Row, after: Row) -> str:
    """The columns that are not what they were; times in seconds since the run began."""
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    return ", ".join(f"{name}={_value(name, after)}" for name in names) or "as it was"


def _value(name: str, row: Row) -> str:
    value = row.get(name)
    return f"{seconds_of(value):.3f}" if name in TIMES and isinstance(value, int) else f"{value}".replace("\n", ",")
