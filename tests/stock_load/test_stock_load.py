"""The program that puts stock under load says what is so: also where a unit is sold twice."""

import asyncio
from random import Random

import pytest

from travio_inventory.stock.records import stock_units
from travio_inventory.store.memory import MemoryBatches
from verification.pages.performance import _stock
from verification.stock_load.__main__ import paced, verdict
from verification.stock_load.contended import contended
from verification.stock_load.paced import Paced

CROWD = 150


def store() -> MemoryBatches:
    return MemoryBatches(None, Random(1), asyncio.sleep)


async def crowds() -> dict[str, object]:
    return await contended(store(), rounds=1, units=12, crowd=CROWD, faults=0.1, seed=1)


@pytest.mark.once
async def test_on_a_bad_day_a_crowd_gets_what_there_is_and_nothing_more() -> None:
    found = await crowds()
    told, faults = found["told"], found["faults"]
    assert isinstance(told, dict)
    assert isinstance(faults, dict)
    assert found["wrong"] == {}
    assert told["reserved"] + told["sold out"] == CROWD
    assert told["reserved"] >= 12
    assert faults.keys() >= {"lost", "answer lost", "late", "not done"}


@pytest.mark.once
async def test_units_that_are_sold_twice_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_units, "_available", lambda _entry: 1_000)
    found = await crowds()
    assert found["wrong"], found


@pytest.mark.once
async def test_a_run_says_how_far_it_is_and_begins_no_round_when_its_time_is_over() -> None:
    said: list[str] = []
    found = await contended(store(), rounds=3, units=2, crowd=5, faults=0.0, seed=1, minutes=1e-9, say=said.append)
    assert (found["rounds"], found["reservations asked for"]) == (1, 5)
    assert said == ["5 of 15: 0 failed, wrong: nothing"]


def test_the_last_line_says_what_was_wrong() -> None:
    said = {"reservations asked for": 200, "faults": {"lost": 3, "late": 4}, "wrong": {}}
    begin = "200 reservations asked for, 7 batches and reads failed: "
    assert verdict(said) == begin + "0 units oversold or lost"
    assert verdict({**said, "wrong": {"oversold": 2, "negative": 1}}) == begin + "2 oversold, 1 negative"


async def test_calls_of_the_warm_up_are_told_apart() -> None:
    called = Paced(store(), articles=5, live=20)
    await called.prepare()
    found = await called.calls(per_second=50, seconds=0.2, warm_up_s=0.2)
    assert found["warming up"]["seconds"] == 0.2
    assert found["warming up"]["latency, ms"].keys() == found["latency, ms"]["reserve"].keys()
    never = await called.calls(per_second=50, seconds=0.2)
    assert never["warming up"]["latency, ms"] == {}
    alone = await called.calls(per_second=50, seconds=0, warm_up_s=0.2)
    assert (alone["latency, ms"], alone["answered a second"] > 0) == ({}, True)


async def test_calls_are_paced_beside_live_reservations_and_make_a_table() -> None:
    found = await paced(store(), live=20, per_second=50, seconds=0.4, lines=30, articles=5)
    assert (found["live reservations"], found["refusals"]) == (20, {})
    assert found["latency, ms"].keys() == {"reserve", "commit", "cancel", "check"}
    assert found["bulk update"]["outcomes"] == {"DONE": 30}
    rows = list(_stock({"memory": found}))
    assert len(rows) == 2 + 4 + 2
    warm = {**found, "warming up": {"seconds": 20.0, "latency, ms": found["latency, ms"]["check"]}}
    assert [row.split(" | ")[3] for row in _stock({"memory": warm}) if "before" in row] == ["all, in the 20 s before"]
    assert rows[2].startswith("| memory | 20 | ")
