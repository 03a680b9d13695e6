"""The same on a real CQL server, with Redis between the processes."""

from concurrent.futures import Executor
from dataclasses import replace

import pytest

from verification.crash_points.places import Servers, on_servers
from verification.crash_points.playing import StepResult
from verification.crash_points.scenes import SCENES
from verification.crash_points.stock_playing import visit as visit_stock
from verification.crash_points.stock_scenes import SCENES as STOCK_SCENES
from verification.crash_points.stock_scenes import Scene as StockScene
from verification.crash_points.visiting import Visited, parcels, visit, visit_all
from verification.kit.scenes import Scene
from verification.servers.cassandra import Cassandra
from verification.servers.redis import RedisServer

FOR_EVER_MS = 600_000
VISIT_S_MAX = 900


@pytest.fixture(scope="module")
def place(cassandra_node: Cassandra, redis_node: RedisServer) -> Servers:
    return on_servers(cassandra_node, redis_node)


@pytest.mark.timeout(VISIT_S_MAX)
@pytest.mark.parametrize("every", [18, pytest.param(6, marks=pytest.mark.thorough)], ids="one of {}".format)
def test_no_point_breaks_a_promise(members: Executor, place: Servers, every: int) -> None:
    """Every point of so many scenes; `make crash-points ON=cql` visits all."""
    total, scenes = Visited(), SCENES[::every]
    for visited in visit_all(members, place, parcels(place, scenes)):
        total.add(visited)
    assert not total.violations
    assert total.points > 10 * len(scenes)


@pytest.mark.timeout(VISIT_S_MAX)
@pytest.mark.parametrize("every", [16, pytest.param(1, marks=pytest.mark.thorough)], ids="one of {}".format)
@pytest.mark.parametrize("scene", STOCK_SCENES, ids=[scene.name for scene in STOCK_SCENES])
def test_a_step_of_stock_ends_as_if_nobody_had_been_killed(
    members: Executor, place: Servers, scene: StockScene, every: int
) -> None:
    """At every call of so many."""
    points, wrong = members.submit(visit_stock, place, scene, stride=every).result()
    assert wrong == []
    assert points > 20 // every


def test_a_lock_that_outlives_its_process_is_caught(members: Executor, place: Servers) -> None:
    lasting = replace(place, gate_ttl_ms=FOR_EVER_MS)
    visited = members.submit(visit, lasting, [Scene("hold", "all")]).result()
    assert any(f"still told {StepResult.__name__}(refusal='SeatContended'" in each for each in visited.violations), (
        visited
    )
