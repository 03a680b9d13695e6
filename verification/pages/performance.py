"""Writes the tables of docs/performance.md from docs/measured.json: `python -m verification.pages.performance`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from verification.pages.architecture import ROOT, parts

DOCUMENT = ROOT / "docs" / "performance.md"
MEASURED = ROOT / "docs" / "measured.json"
BEGIN = "<!-- figures: written by `make docs` from docs/measured.json -->"
END = "<!-- end of figures -->"
Figures = Mapping[str, Any]


def figures(measured: Figures) -> list[str]:
    """All tables and the plot."""
    return [
        *_headed("Sold out, beside bare batches", measured["claims"], _claims),
        *_headed("Size of a seat group", measured["seat-groups"], _seat_groups),
        *_headed("Sixteen seats, 64 buyers who hold and release", measured["hot-group"], _claims),
        *_headed("Seat maps", measured["browsing"], _maps),
    ]


def _headed(title: str, part: Figures, rows: Any) -> Iterator[str]:  # noqa: ANN401 - one of those below
    machine = part["machine"]
    yield f"### {title}"
    where = f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}"
    yield f"`{part['command']}`, commit {part['commit']}, {where}."
    yield ""
    yield from rows(part["found"])
    yield ""


def _claims(found: Figures) -> Iterator[str]:
    yield "| deployment | what | a second | client CPU, ms | p50, ms | p99, ms | requests a call |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for deployment, bench in found.items():
        for what, one in _slices(bench):
            asked = bench.get(f"{what}: requests a call", "")
            latency = one["latency_ms"]
            cells = (f"{one['per_second']:.0f}", _cpu_ms(one), latency["p50"], latency["p99"], asked)
            yield f"| {deployment} | {what} | {' | '.join(map(str, cells))} |"


def _seat_groups(found: Figures) -> Iterator[str]:
    """A row and a bar a size; `found` has each size with one process, then with four."""
    names = list(found)
    rates = [_service(found[name])["per_second"] for name in names]
    sizes = ", ".join(f'"{name.split(" ", 1)[0]}"' for name in names[::2])
    yield "```mermaid"
    yield "xychart-beta"
    yield '    title "Holds a second by seats in a group: bars one process, line four"'
    yield f"    x-axis [{sizes}]"
    yield f'    y-axis "holds a second" 0 --> {round(max(rates) * 1.1, -2):.0f}'
    yield f"    bar [{', '.join(f'{rate:.0f}' for rate in rates[::2])}]"
    yield f"    line [{', '.join(f'{rate:.0f}' for rate in rates[1::2])}]"
    yield "```"
    yield ""
    yield from _claims(found)


def _maps(found: Figures) -> Iterator[str]:
    yield "| trip | when | maps a second | p50, ms | p99, ms | server CPU a map, ms |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for trip, bench in found.items():
        for when, one in _slices(bench):
            latency = one["latency_ms"]
            cells = (f"{one['per_second']:.0f}", latency["p50"], latency["p99"], _cpu_ms(one))
            yield f"| {trip} | {when} | {' | '.join(map(str, cells))} |"


def _slices(bench: Figures) -> Iterator[tuple[str, Figures]]:
    """What was measured for itself, by name."""
    yield from ((name, one) for name, one in bench.items() if isinstance(one, Mapping) and one.get("calls"))


def _service(bench: Figures) -> Figures:
    return next(one for name, one in _slices(bench) if name.startswith("the service"))


def _cpu_ms(one: Figures) -> str:
    cpu_s = one["server_cpu_seconds"]
    return "" if cpu_s is None else f"{cpu_s / one['calls'] * 1_000:.2f}"


if __name__ == "__main__":
    before, _, after = parts(DOCUMENT.read_text(), BEGIN, END)
    DOCUMENT.write_text(before + "\n".join([BEGIN, *figures(json.loads(MEASURED.read_text())), END]) + after)
