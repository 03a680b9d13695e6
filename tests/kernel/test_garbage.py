"""Very many objects: not looked through by the garbage collector, and freed little by little."""

import gc
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any
from weakref import finalize, ref

import pytest

from travio_inventory.kernel import garbage
from travio_inventory.kernel.garbage import LITTLE, MANY, free_gradually, leave_to_counting

FREED_WITHIN_S = 60.0


class Thing:
    """It may be watched."""


class Watched(Thing):
    """It says when it is freed."""

    def __init__(self, freed: list[int], number: int) -> None:
        self.freed, self.number = freed, number

    def __del__(self) -> None:
        self.freed.append(self.number)


def test_what_is_left_to_counting_is_freed_by_it_and_not_looked_through() -> None:
    things = tuple(Thing() for _ in range(3))
    leave_to_counting(things)
    assert not any(map(gc.is_tracked, (things, *things)))
    seen = [ref(thing) for thing in things]
    del things
    assert [each() for each in seen] == [None] * 3


def test_objects_outlive_their_owner_until_they_are_freed_little_by_little() -> None:
    freed: list[int] = []
    owner, count = Thing(), MANY + 3 * LITTLE
    free_gradually(owner, [Watched(freed, number) for number in range(count)])
    gc.collect()
    assert freed == []
    del owner
    ends = monotonic() + FREED_WITHIN_S
    while len(freed) < count and monotonic() < ends:
        sleep(0.001)
    assert len(freed) == count
    assert freed[0] >= count - LITTLE


def test_as_many_as_are_freed_at_once_are_not_kept_until_their_owner_is_gone() -> None:
    freed: list[int] = []
    owner, things = Thing(), [Watched(freed, number) for number in range(MANY)]
    free_gradually(owner, things)
    del things
    assert len(freed) == MANY


def test_nothing_is_freed_when_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[finalize[..., Any]] = []

    def noted(owner: Thing, put: Callable[[list[object]], None], objects: list[object]) -> "finalize[..., Any]":
        begun.append(finalize(owner, put, objects))
        return begun[-1]

    monkeypatch.setattr(garbage, "finalize", noted)
    owner = Thing()
    free_gradually(owner, [None] * (MANY + 1))
    assert [each.atexit for each in begun] == [False]
