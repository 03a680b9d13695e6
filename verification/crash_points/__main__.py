"""Visits every crash point: see --help. Exit status 1 if a promise was broken or a point was not reached."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from verification.crash_points.places import Embedded, Place, on_servers
from verification.crash_points.scenes import SCENES
from verification.crash_points.stock_playing import visit as visit_stock
from verification.crash_points.stock_scenes import SCENES as STOCK_SCENES
from verification.crash_points.stock_scenes import Scene as StockScene
from verification.crash_points.visiting import Visited, crew, parcels, rehearsed, visit_all
from verification.kit.scenes import Scene
from verification.servers.cassandra import cassandra
from verification.servers.redis import redis_server
from verification.simulation.searching import watched

STORES = ("sqlite", "cql")
STOCK_STRIDE = 3
"""Scenes of stock make many calls: of them every third is visited."""


def main() -> int:
    """The exit status."""
    asked = _asked()
    scenes = [scene for scene in SCENES if asked.scene in scene.step]
    stock = [scene for scene in STOCK_SCENES if asked.scene in f"stock: {scene.name}"]
    total, began_s = Visited(), monotonic()
    for store in asked.on or STORES:
        with _place(store) as place, crew(asked.cores) as members:
            if asked.list:
                _list(store, members, place, scenes)
            else:
                _visit(store, members, place, scenes, total)
                _visit_stock(store, members, place, stock, total)
    if not asked.list:
        _say(f"{total.points} points visited, {len(total.violations)} violations, {monotonic() - began_s:.0f} s")
    return bool(total.violations)


def _visit(store: str, members: Executor, place: Place, scenes: Sequence[Scene], total: Visited) -> None:
    taken = parcels(place, scenes)
    for visited in watched(visit_all(members, place, taken), len(taken), f"scenes on {store}"):
        total.add(visited)
        _say(*(f"VIOLATED on {store}: {violation}" for violation in visited.violations))


def _visit_stock(store: str, members: Executor, place: Place, scenes: Sequence[StockScene], total: Visited) -> None:
    """Those of stock."""
    visits = [members.submit(visit_stock, place, scene, stride=STOCK_STRIDE) for scene in scenes]
    for visit in watched(as_completed(visits), len(visits), f"scenes of stock on {store}"):
        visited = Visited(*visit.result())
        total.add(visited)
        _say(*(f"VIOLATED on {store}: {violation}" for violation in visited.violations))


def _list(store: str, members: Executor, place: Place, scenes: Sequence[Scene]) -> None:
    """The calls of each scene: there is a point before and after each call."""
    for scene, ending in members.submit(rehearsed, place.apart(), scenes).result().items():
        for lane, names in ending.asked.items():
            _say(f"{store}: {scene.step}, groups of {scene.per_group}, {lane}s: {', '.join(names)}")


@contextmanager
def _place(store: str) -> Iterator[Place]:
    with TemporaryDirectory(prefix="crash-points-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if store == "sqlite":
            yield Embedded(folder)
            return
        with cassandra(folder / "cassandra") as cql, redis_server(folder / "redis") as redis:
            yield on_servers(cql, redis)


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m verification.crash_points", description=__doc__)
    parser.add_argument("--on", choices=STORES, action="append", help="this store only; cql needs `make servers`")
    parser.add_argument("--scene", default="", metavar="TEXT", help="only scenes that have this in their name")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)), help="default: all")
    parser.add_argument("--list", action="store_true", help="list what each scene asks, and visit nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
