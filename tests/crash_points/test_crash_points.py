"""A process killed at any point on the embedded store leaves nothing that the next one cannot repair."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from travio_inventory.protocol.batches import Index
from verification.crash_points import visiting
from verification.crash_points.places import BatchesWrapper, Embedded, Place
from verification.crash_points.planted import AnswersEarly, ForgetsIndexEntries, NeverGivesBack
from verification.crash_points.playing import Cut, Ending
from verification.crash_points.points import Lane, Point, When
from verification.crash_points.scenes import SCENES
from verification.crash_points.visiting import Visited, parcels, rehearsed, visit, visit_all, visit_cuts
from verification.kit.scenes import Scene

pytestmark = [pytest.mark.long, pytest.mark.once]

VISIT_S_MAX = 300


@pytest.mark.timeout(VISIT_S_MAX)
def test_no_point_breaks_a_promise(members: Executor, tmp_path: Path) -> None:
    """Every point of one scene in forty; `make crash-points`, which is part of `make check`, visits all."""
    place, total, scenes = Embedded(tmp_path), Visited(), SCENES[::40]
    for visited in visit_all(members, place, parcels(place, scenes)):
        total.add(visited)
    assert not total.violations
    assert total.points > 10 * len(scenes)


@pytest.mark.parametrize(
    ("line", "scene", "seen"),
    [
        (AnswersEarly, Scene("hold", "all"), "answered StepResult(refusal='', told=Hold("),
        (NeverGivesBack, Scene("release", 1), "AssertionError((RowKey(kind=<Kind.CELL: 'cell'>"),
        (partial(ForgetsIndexEntries, of=Index.EXPIRY), Scene("hold with a key", "all"), "held for ever: A1 A2"),
        (partial(ForgetsIndexEntries, of=Index.JOURNAL), Scene("hold with a key", "all"), "recorded and not told"),
    ],
)
def test_a_store_that_breaks_a_promise_is_caught(
    members: Executor, tmp_path: Path, line: BatchesWrapper, scene: Scene, seen: str
) -> None:
    visited = members.submit(visit, Embedded(tmp_path, line), [scene]).result()
    assert any(seen in violation for violation in visited.violations), visited.violations


def test_a_point_that_is_not_reached_is_a_violation(members: Executor, tmp_path: Path) -> None:
    far = Cut(Scene("hold", "all"), Point(When.BEFORE, Lane.CALL, 100))
    visited = members.submit(visit_one, Embedded(tmp_path), far).result()
    assert visited == Visited(0, [f"{far}: not reached, it asked no more"])


def test_what_only_one_rehearsal_asked_is_no_point(members: Executor, tmp_path: Path) -> None:
    place, scene = Embedded(tmp_path), Scene("hold", "all")
    usual = members.submit(visit, place, [scene]).result()
    assert members.submit(visit_after_a_busy_rehearsal, place, scene).result() == usual
    assert usual.points


def visit_after_a_busy_rehearsal(place: Place, scene: Scene) -> Visited:
    """All points of the scene, of which the first rehearsal asked once more than others."""
    rehearsals = iter([True, False])

    def busy(own: Place, scenes: Sequence[Scene]) -> dict[Scene, Ending]:
        endings = rehearsed(own, scenes)
        if next(rehearsals):
            ending = endings[scene]
            calls = [*ending.asked[Lane.CALL], "once more"]
            endings[scene] = replace(ending, asked={**ending.asked, Lane.CALL: calls})
        return endings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visiting, "rehearsed", busy)
        return visit(place, [scene])


def visit_one(place: Place, cut: Cut) -> Visited:
    """Only that point."""
    return visit_cuts(place, rehearsed(place, [cut.scene]), [cut])
