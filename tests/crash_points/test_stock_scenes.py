"""A process that is killed at any call of a transfer, a move between shards, an order: the next one ends it."""

from concurrent.futures import Executor
from pathlib import Path

import pytest

from travio_inventory.protocol import judging
from verification.crash_points.places import Embedded
from verification.crash_points.stock_playing import visit
from verification.crash_points.stock_scenes import SCENES, Scene
from verification.simulation.broken_purchases import BROKEN_PURCHASES
from verification.simulation.broken_shards import BROKEN_SHARDS
from verification.simulation.broken_shop import BROKEN_SHOP

pytestmark = [pytest.mark.long, pytest.mark.thorough, pytest.mark.timeout(600)]


REFUSED_FOR_GOOD = "a late commit that was cut off and given up never comes to be"
STRIDES = {"transfer": 1, "approval": 1, "orders": 3, "purchases": 3, "shards": 3, "late": 3}
"""Every call, or every third where there are many."""


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_whatever_call_a_process_is_killed_at_the_next_one_ends_as_if_it_had_not_been(
    members: Executor, tmp_path: Path, scene: Scene
) -> None:
    points, wrong = members.submit(visit, Embedded(tmp_path), scene, stride=STRIDES[scene.name]).result()
    assert wrong == []
    assert points > 20


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("a transfer received twice", SCENES[0]),
        ("a receipt counted twice", SCENES[3]),
        ("rebalancing that loses units", SCENES[4]),
        ("rebalancing that doubles units", SCENES[4]),
        (REFUSED_FOR_GOOD, SCENES[5]),
    ],
)
def test_a_receipt_that_a_dead_process_had_brought_and_the_next_one_brings_again_is_caught(
    members: Executor, tmp_path: Path, name: str, scene: Scene
) -> None:
    _, wrong = members.submit(visit_broken, tmp_path, name, scene).result()
    assert wrong


def visit_broken(folder: Path, name: str, scene: Scene) -> tuple[int, list[str]]:
    """The points of a broken design."""
    with pytest.MonkeyPatch.context() as patch:
        if name == REFUSED_FOR_GOOD:
            patch.setattr(judging, "LATE_MAX", 1)
        else:
            (BROKEN_SHOP | BROKEN_PURCHASES | BROKEN_SHARDS)[name].plant(patch)
        return visit(Embedded(folder), scene, stride=3)
