"""Writes the figures of docs/capacity.md, and draws its picture: `python -m verification.capacity`."""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Final

from verification.capacity.costs import Costs, costs
from verification.capacity.needs import NODE_CORES, Needs, Sale, needs
from verification.capacity.queueing import Pod, simulated
from verification.kit.charts import Chart, Line, sheet
from verification.pages.architecture import ROOT, parts

MEASURED: Final = ROOT / "docs" / "measured.json"
DOCUMENT: Final = ROOT / "docs" / "capacity.md"
PICTURE: Final = ROOT / "docs" / "pictures" / "capacity.svg"
BEGIN: Final = "<!-- figures: written by `make docs` from docs/measured.json -->"
END: Final = "<!-- end of figures -->"
PODS: Final = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
QUEUE_CHARTS: Final = 3
LOADS: Final = (100_000, 50_000, 25_000)
"""Contenders a second, each with its share of everything else."""
SEED: Final = 1


def rewrite(document: str, *, seed: int = SEED) -> str:
    """The document with these figures between the markers and nothing else changed."""
    before, _, after = parts(document, BEGIN, END)
    return before + "\n".join([BEGIN, *_figures(seed), END]) + after


def picture(seed: int = SEED) -> str:
    """How long calls wait, how many are turned away, and how busy the loops are, by pods."""
    found = {contenders: _simulated(contenders, seed) for contenders in LOADS}

    def lines(of: str) -> Sequence[Line]:
        return [
            Line(f"{contenders:,} a second", [(pod.pods, getattr(pod, of)) for pod in pods])
            for contenders, pods in found.items()
        ]

    seconds = [Line(name, [(pods, ms / 1_000) for pods, ms in points]) for name, points in lines("p99_ms")]
    charts = [
        Chart("99 of 100 calls are answered within", "s", seconds, "short"),
        Chart("Calls that are turned away for want of room", "percentunit", lines("turned_away"), "short"),
        Chart("Work that comes, by what a loop can do", "percentunit", lines("load"), "short"),
    ]
    return sheet(charts, columns=QUEUE_CHARTS)


def _simulated(contenders: int, seed: int) -> list[Pod]:
    sale = scaled(contenders)
    return [simulated(pods, sale, costs(MEASURED), seed=seed) for pods in PODS]


def scaled(contenders: int) -> Sale:
    """The sale, so much smaller in everything."""
    whole = Sale()
    share = contenders / whole.contenders_per_second
    return Sale(contenders, round(whole.seats * share), maps_per_hour=whole.maps_per_hour * share)


def _figures(seed: int) -> Iterator[str]:
    sale, of_call = Sale(), costs(MEASURED)
    part = json.loads(MEASURED.read_text())["capacity"]
    machine = part["machine"]
    yield "### What a call costs"
    where = f"{machine['cores']} cores of {machine['cpu']}"
    yield f"`{part['command']}`, commit {part['commit']}, {where}, load"
    page = "[performance](performance.md)"
    yield f"{part['load before']} before; steps of three nodes and maps during a sale as in {page}."
    yield ""
    yield from _costs(of_call)
    yield ""
    yield "### What the sale needs"
    yield from _needs(sale, needs(sale, of_call))
    yield ""
    yield "### How long calls wait"
    yield f"`python -m verification.capacity --seed {seed}`: the busiest pod, under the whole sale."
    yield ""
    yield from _queues(_simulated(LOADS[0], seed))


def _costs(of_call: Costs) -> Iterator[str]:
    yield "| call | event loop, ms of CPU | Redis, ms | database, ms on all nodes |"
    yield "| --- | --- | --- | --- |"
    yield f"| a contender is refused at the gate | {of_call.refusal:.2f} | {of_call.refusal_of_redis:.3f} | 0 |"
    step = f"{of_call.step:.2f} | {of_call.step_of_redis:.2f} | {of_call.step_of_database:.1f}"
    yield f"| a seat is held, booked or given back | {step} |"
    yield f"| a map that has not changed | {of_call.quiet_map:.2f} | | 0 |"
    yield f"| a map while its trip is sold | {of_call.sold_map:.2f} | | |"


def _needs(sale: Sale, found: Needs) -> Iterator[str]:
    least, most = found.redis_nodes
    yield "| what | busy cores | comes to |"
    yield "| --- | --- | --- |"
    yield f"| {sale.refusals_per_second:,.0f} refusals a second | {found.refusing:.1f} | |"
    yield f"| {sale.steps_per_second:,.0f} steps a second | {found.selling:.1f} | |"
    yield f"| {sale.maps_per_second:,.0f} maps a second | {found.showing:.1f} | |"
    total = found.refusing + found.selling + found.showing
    spare = f"{found.pods_with_a_zone_less} if one of three zones may fail"
    yield f"| **pods** | {total:.1f} | **{found.pods}** at 70 %; {spare} |"
    masters = f"**{least} to {most}** masters of a cluster at 50 %"
    yield f"| **Redis** | {found.redis_least:.1f} to {found.redis_most:.1f} | {masters} |"
    nodes = f"**{found.database_nodes}** nodes of {NODE_CORES} cores at 50 %, three copies"
    yield f"| **database** | {found.database:.1f} | {nodes} |"


def _queues(pods: Sequence[Pod]) -> Iterator[str]:
    yield "| pods | work that comes | p50, ms | p99, ms | turned away |"
    yield "| --- | --- | --- | --- | --- |"
    for pod in pods:
        yield f"| {pod.pods} | {pod.load:.0%} | {pod.p50_ms:.1f} | {pod.p99_ms:.1f} | {pod.turned_away:.0%} |"


def main() -> None:
    """Run the command that was typed."""
    parser = argparse.ArgumentParser(prog="python -m verification.capacity", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the simulation, default {SEED}")
    options = parser.parse_args()
    DOCUMENT.write_text(rewrite(DOCUMENT.read_text(), seed=options.seed))
    PICTURE.write_text(picture(options.seed))


if __name__ == "__main__":
    main()
