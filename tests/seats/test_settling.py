"""Settling is bounded: one turn at a time and five a second for each holder, and no memory that grows."""

import asyncio

import pytest

from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import Overloaded
from travio_inventory.seats.use_cases import settling
from travio_inventory.seats.use_cases.settling import PER_SECOND_MAX, WINDOW_S, Settling
from verification.simulation.virtual_loop import run_virtually

ANN, BOB = Actor("o", "ann"), Actor("o", "bob")


async def test_one_at_a_time_for_each_holder() -> None:
    turns = Settling()
    with turns.turn(ANN):
        with pytest.raises(Overloaded), turns.turn(ANN):
            pass
        with turns.turn(BOB), turns.turn(Actor("other", "ann")):
            pass
    with turns.turn(ANN):
        pass


async def test_a_failed_turn_is_over() -> None:
    turns = Settling()
    with pytest.raises(KeyError), turns.turn(ANN):
        raise KeyError
    with turns.turn(ANN):
        pass


def test_a_limited_number_in_any_second() -> None:
    async def play() -> None:
        turns = Settling()
        for _ in range(PER_SECOND_MAX):
            with turns.turn(ANN):
                pass
        await asyncio.sleep(WINDOW_S - 0.01)
        with pytest.raises(Overloaded), turns.turn(ANN):
            pass
        await asyncio.sleep(0.02)
        with turns.turn(ANN):
            pass

    run_virtually(0, play())


def test_holders_above_the_limit_are_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the turns of others are over; running turns are never forgotten."""
    monkeypatch.setattr(settling, "HOLDERS_MAX", 3)

    async def play() -> None:
        turns = Settling()
        with turns.turn(ANN):
            for number in range(2):
                with turns.turn(Actor("o", f"u{number}")):
                    pass
            with pytest.raises(Overloaded), turns.turn(BOB):
                pass
            await asyncio.sleep(WINDOW_S + 0.01)
            with turns.turn(BOB):
                pass
            with pytest.raises(Overloaded), turns.turn(ANN):
                pass

    run_virtually(0, play())
