"""Writes the figures of docs/performance.md from docs/measured.json: `python -m verification.pages.performance`."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from typing import Any, TypeAlias

from verification.pages.architecture import ROOT, parts

DOCUMENT = ROOT / "docs" / "performance.md"
MEASURED = ROOT / "docs" / "measured.json"
BEGIN = "<!-- figures: written by `make docs` from docs/measured.json -->"
END = "<!-- end of figures -->"
SERVICE = "the service"
PERCENTILES = ("p50", "p95", "p99")

Figures: TypeAlias = Mapping[str, Any]
_Rows: TypeAlias = Callable[[Figures], Iterable[str]]


def figures(measured: Figures) -> list[str]:
    """The tables and the plot of the parts of `python -m verification.deployments`."""
    lines: list[str] = []
    for title, part, rows in (
        ("Seats sold, beside the same batches without the service", "claims", _claims),
        ("The same on three nodes, three copies of each row", "claims-3-nodes", _claims),
        ("Size of a seat group: one trip of 1,000 seats", "seat-groups", _seat_groups),
        ("Sixteen seats that 64 buyers hold and release", "hot-group", _claims),
        ("Seat maps", "browsing", _maps),
        ("Ten thousand idle connections", "idle", _idle),
        ("Processes on one port, refusals of a taken seat", "processes", _processes),
        ("Stock beside live reservations, in one process, without a network", "stock", _stock),
        ("A hot article: orders of one unit by 64 buyers at once, and crowds", "hot-article", _hot_article),
        ("Metrics that are scraped and traces at one in a hundred, on beside off", "telling", _telling),
    ):
        if part in measured:
            lines += _headed(title, measured[part], rows)
    return lines


def rewrite(document: str, measured: Figures) -> str:
    """The document with these figures between the markers and nothing else changed."""
    before, _, after = parts(document, BEGIN, END)
    return before + "\n".join([BEGIN, *figures(measured), END]) + after


def _headed(title: str, part: Figures, rows: _Rows) -> Iterator[str]:
    machine = part["machine"]
    yield f"### {title}"
    where = f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}"
    yield f"`{part['command']}`, commit {part['commit']}, {where}."
    yield ""
    yield from rows(part["found"])
    yield ""


def _claims(found: Figures) -> Iterator[str]:
    """A row for each way and number in flight."""
    yield "| deployment | who sends | a second | own CPU, ms | database CPU, ms | p50, ms | p99, ms | requests |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for deployment, bench in found.items():
        for what, one in _slices(bench):
            latency = one["latency_ms"]
            cells = (
                f"{one['per_second']:.0f}",
                _cpu_ms(one),
                bench.get(f"{what}: database CPU ms a call", ""),
                latency["p50"],
                latency["p99"],
                bench.get(f"{what}: requests a call", ""),
            )
            yield f"| {deployment} | {what} | {' | '.join(map(str, cells))} |"


def _seat_groups(found: Figures) -> Iterator[str]:
    """A plot, then the rows; `found` has each size with one process, then with four."""
    names = list(found)
    rates = [_service(found[name])["per_second"] for name in names]
    sizes = ", ".join(f'"{name.split(" ", 1)[0]}"' for name in names[::2])
    yield "```mermaid"
    yield "xychart-beta"
    yield '    title "Holds a second by seats in a group: bars one process, line four"'
    yield f"    x-axis [{sizes}]"
    yield f'    y-axis "holds a second" 0 --> {max(rates) * 1.1:.0f}'
    yield f"    bar [{', '.join(f'{rate:.0f}' for rate in rates[::2])}]"
    yield f"    line [{', '.join(f'{rate:.0f}' for rate in rates[1::2])}]"
    yield "```"
    yield ""
    yield from _claims(
        {name: {what: one for what, one in bench.items() if what.startswith(SERVICE)} for name, bench in found.items()}
    )


def _maps(found: Figures) -> Iterator[str]:
    yield "| trip | when | maps a second | CPU of the service, ms | p50, ms | p99, ms |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for trip, bench in found.items():
        for when, one in _slices(bench):
            latency = one["latency_ms"]
            cells = (f"{one['per_second']:.0f}", _cpu_ms(one), latency["p50"], latency["p99"])
            yield f"| {trip} | {when} | {' | '.join(map(str, cells))} |"


def _telling(found: Figures) -> Iterator[str]:
    yield "| work | CPU a call with both, us | without, us | they cost | in single rounds | scrapes |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for work, one in found.items():
        cells = (
            one["CPU us a call, told"],
            one["CPU us a call, untold"],
            f"{one['costs, %']} %",
            f"{one['least, %']} to {one['most, %']} % of {one['rounds']}",
            one["scrapes"],
        )
        yield f"| {work} | {' | '.join(map(str, cells))} |"


def _idle(found: Figures) -> Iterator[str]:
    yield "| server | the process alone, MB | a connection, KB | others' p99 before, beside, after, ms | times |"
    yield "| --- | --- | --- | --- | --- |"
    for engine, one in found.items():
        waits = ", ".join(map(str, one["others' p99 before, beside, after, ms"]))
        cells = one["process alone, MB"], one["a connection, KB"], waits, one["p99 beside them, times"]
        yield f"| {engine} | {' | '.join(map(str, cells))} |"


def _processes(found: Figures) -> Iterator[str]:
    names = list(next(iter(found.values())))
    yield f"| processes | {' | '.join(names)} |"
    yield f"| --- |{' --- |' * len(names)}"
    for processes, one in found.items():
        yield f"| {processes} | {' | '.join(str(one[name]) for name in names)} |"


def _stock(found: Figures) -> Iterator[str]:
    """A row for each store and kind of call, then one for its bulk update."""
    yield "| store | live reservations | calls a second | call | p50, ms | p95, ms | p99, ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for store, one in found.items():
        warming = one["warming up"]
        before = {f"all, in the {warming['seconds']:g} s before": warming["latency, ms"]} if warming["seconds"] else {}
        for call, latency in (one["latency, ms"] | before).items():
            cells = (one["live reservations"], one["answered a second"], call, *(latency[name] for name in PERCENTILES))
            yield f"| {store} | {' | '.join(map(str, cells))} |"
    yield ""
    for store, one in found.items():
        bulk = one["bulk update"]
        yield f"An update of {bulk['lines']} lines on {store} takes {bulk['seconds']} s."


def _hot_article(found: Figures) -> Iterator[str]:
    """A row for each store, with the medians of its turns, then what crowds were sold."""
    yield "| store | where the article lies | reservations a second | beside one shard, in each turn |"
    yield "| --- | --- | --- | --- |"
    for store, one in found.items():
        in_one = one["reservations per second"]["1 shard"]
        for kind, turns in one["reservations per second"].items():
            ratios = ", ".join(f"{made / base:.2f}" for made, base in zip(turns, in_one, strict=True))
            yield f"| {store} | {kind} | {median(turns)} | {ratios} |"
    yield ""
    for store, one in found.items():
        if rounds := one.get("sold in rounds"):
            told = one["refusals of what is sold out"]["per CPU second"]
            times = " and ".join(f"{units} units {count} times" for units, count in Counter(rounds["sold"]).items())
            yield f"On {store} crowds were sold {times}; sold out is said {told} times a CPU second."


def _slices(bench: Figures) -> Iterator[tuple[str, Figures]]:
    """What was measured for itself, by name."""
    yield from ((name, one) for name, one in bench.items() if isinstance(one, Mapping) and one.get("calls"))


def _service(bench: Figures) -> Figures:
    return next(one for name, one in _slices(bench) if name.startswith(SERVICE))


def _cpu_ms(one: Figures) -> str:
    cpu_s = one["server_cpu_seconds"]
    return "" if cpu_s is None else f"{cpu_s / one['calls'] * 1_000:.2f}"


if __name__ == "__main__":
    DOCUMENT.write_text(rewrite(DOCUMENT.read_text(), json.loads(MEASURED.read_text())))
