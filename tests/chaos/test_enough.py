"""A run continues until it has seen enough: a number of faults, and calls answered in every way."""

import asyncio
import time
from typing import cast

import pytest

from travio_inventory.client import Journey
from verification.chaos import enough, nemesis
from verification.chaos.deployment import Deployment
from verification.chaos.nemesis import Fault, Nemesis, Planned
from verification.chaos.notebook import Book, Notebook
from verification.kit.trips import trip_of
from verification.simulation.history import Call, CallOutcome

S = "s"


def _notebook() -> tuple[Notebook, Book]:
    notebook = Notebook()
    return notebook, notebook.open(trip_of("t", seats=6, segments=1, seats_per_group=1))


def _tell(call: Call, told: str, until_s: float = 0.0) -> None:
    call.answer, call.told, call.returned_s = CallOutcome.OK, told, time.monotonic()
    call.until_ms = round((time.time() + until_s) * 1_000)


def _hold(notebook: Notebook, book: Book, number: int, holder: str) -> str:
    hold = f"t~0~{number}"
    _tell(notebook.hold(book, holder, [book.trip.seats[0].id], Journey(0, 0), None, service=S), hold, 60)
    return hold


def _steps(notebook: Notebook, book: Book, hold: str, *ops: str) -> None:
    for op in ops:
        _tell(notebook.step(book, op, "u", hold, service=S), hold)


async def test_everything_is_missing_at_first_and_nothing_when_it_was_seen() -> None:
    notebook, book = _notebook()
    assert len(enough.missing(notebook)) == 9
    holds = [_hold(notebook, book, number, f"u{number % 3}") for number in range(enough.HOLDS_MIN)]
    assert len(enough.missing(notebook)) == 6
    _steps(notebook, book, holds[0], "release", "move")
    _steps(notebook, book, holds[1], "confirm")
    given_back = notebook.step(book, "release", "u", holds[2], service=S)
    given_back.parts = ("seat-1",)
    _tell(given_back, holds[2])
    other = notebook.open(trip_of("other", seats=1))
    _tell(notebook.cancel_trip(other, service=S), "")
    _tell(notebook.place(book, "join", "w", service=S), "place 1")
    assert enough.missing(notebook) == []
    assert enough.is_enough(notebook)


async def test_what_is_cancelled_or_left_is_not_seen_to_last() -> None:
    notebook, book = _notebook()
    _steps(notebook, book, _hold(notebook, book, 0, "u"), "confirm", "cancel")
    _tell(notebook.place(book, "join", "w", service=S), "place 1")
    _tell(notebook.place(book, "leave", "w", service=S), "OK")
    assert {"a booking that nobody cancels or moves", "a place on a waiting list that nobody leaves"} <= {
        *enough.missing(notebook)
    }


@pytest.mark.parametrize(("faults_min", "done"), [(0, 1), (4, 4)])
async def test_the_least_number_of_faults_happens_however_long_each_takes(
    faults_min: int, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(_deployment: Deployment, _planned: Planned) -> None:
        await asyncio.sleep(0.05)

    monkeypatch.setitem(nemesis.FAULTS, "slow", Fault("backend", "takes its time", act))
    struck = Nemesis(cast("Deployment", None), lambda _: None, faults_min)
    await struck.strike([Planned("backend", 0.0, 0.01, "slow", 0)] * 6, 0.04)
    assert len(struck.struck) == done
