"""A short bad day with real processes, and proof that the judge notices each kind of error."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace

import pytest

from verification.chaos import enough, nemesis
from verification.chaos.limits import judge_limits
from verification.chaos.nemesis import FAULTS
from verification.chaos.page import page
from verification.chaos.run import HOLDS_MAX, Options, Result, run
from verification.chaos.verdict import judge, judge_order
from verification.chaos.waiting import judge_lists
from verification.servers.fixtures import need
from verification.simulation.history import Call, CallOutcome, FoundHold, History

SEED = 11
SECONDS = 25.0
STRUCK_MIN = 4
SHORT = [name for name in FAULTS if "node" not in name and name != "partition-one"]
"""The faults that one database node can have, and those that are repaired within a second or two; it is also stopped
for a while.
"""
MINUTE_MS = 60_000

on_servers = [pytest.mark.scylla, pytest.mark.redis, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
async def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """One run, which all tests look at."""
    need("scylla")
    need("redis")
    options = Options(
        seconds=SECONDS,
        seed=SEED,
        faults=[*SHORT, "node-pause"],
        nodes=1,
        holds_max=HOLDS_MAX,
        faults_min=STRUCK_MIN,
        is_enough=enough.is_enough,
    )
    return await run(options, tmp_path_factory.mktemp("chaos"), print)


@pytest.mark.parametrize("seconds", [25.0, 600.0])
def test_a_seed_plans_one_bad_day_and_every_fault_of_a_lane_once_before_any_again(seconds: float) -> None:
    planned = nemesis.plan(SEED, seconds, list(FAULTS))
    assert planned == nemesis.plan(SEED, seconds, list(FAULTS)) != nemesis.plan(SEED + 1, seconds, list(FAULTS))
    for lane in ("service", "backend"):
        names = [one.fault for one in planned if one.lane == lane]
        first = names[: sum(fault.lane == lane for fault in FAULTS.values())]
        assert len(set(first)) == len(first) > 3


def test_towards_the_end_of_each_minute_nothing_is_planned_but_the_end_of_one_service() -> None:
    planned = nemesis.plan(SEED, 600.0, list(FAULTS))
    calm = [one for one in planned if one.at_s % 60 > 45 or (one.at_s + one.lasts_s) % 60 > 45]
    assert {one.fault for one in calm} == {"service-kill", "service-stop"}
    assert [one.at_s % 60 for one in calm] == [55.0] * 10
    assert [one for one in nemesis.plan(SEED, 600.0, ["redis-kill"]) if one.lane == "calm"] == []


def test_events_out_of_order_are_seen() -> None:
    first, second, third = ({"subject": "t~0~h", "ordinal": ordinal} for ordinal in range(3))
    assert judge_order([[first, first, second, third]]) == []
    assert judge_order([[first, second], [second, third], [first, third]]) == []
    assert len(judge_order([[first, second], [third, second]])) == 1
    assert len(judge_order([[first, third], [third]])) == 1


class TestOnServers:
    """What one run leaves to be judged."""

    pytestmark = on_servers

    async def test_every_promise_holds_on_a_bad_day(self, result: Result) -> None:
        assert result.verdict.violations == []
        assert result.verdict.oversold == 0
        assert len(result.struck) >= STRUCK_MIN
        assert enough.missing(result.notebook) == []
        assert result.found.late_s
        assert result.found.won

    async def test_the_page_tells_of_every_fault_and_the_verdict(self, result: Result) -> None:
        told = page(result)
        assert "VIOLATION" not in told
        assert ("every promise held" in told) is not bool(result.too_late), "a loaded machine may be late"
        assert all(FAULTS[struck.planned.fault].what in told for struck in result.struck)
        assert ("## Services ended" in told) is bool(result.felled)
        assert all(service in told for service in result.memory.resident)

    async def test_two_winners_of_a_seat_are_noticed(self, result: Result) -> None:
        """A caller is told that they have it while another certainly has it, and the record has both."""
        history, booked = _some(result, "confirm", status="confirmed", steps=1)
        held = next(call for call in history.calls if call.op == "hold" and call.told == booked.subject)
        now_s, later_ms = booked.returned_s, history.start_ms + round(booked.returned_s * 1_000) + MINUTE_MS
        rival = Call(-1, "hold", "", now_s, held.cells, until_ms=later_ms, returned_s=now_s, answer=CallOutcome.OK)
        rival.told, rival.status, rival.holder = "rival", "held", "rival"
        history.calls.append(rival)
        history.holds = {**history.holds, "rival": FoundHold("expired", "rival", "-", held.cells, "", later_ms)}
        verdict = judge(history, {})
        assert any(said.startswith("I1 ") for said in verdict.violations), verdict
        assert verdict.oversold == len(held.cells)

    async def test_a_lost_booking_is_seen(self, result: Result) -> None:
        history, confirmed = _some(result, "confirm", status="confirmed")
        lost = confirmed.told
        history.holds = {name: row for name, row in history.holds.items() if name != lost}
        history.owners = {cell: owner for cell, owner in history.owners.items() if owner != lost}
        history.events = [event for event in history.events or () if event.hold_id != lost]
        assert any(said.startswith("I3") for said in judge(history, {}).violations)

    async def test_a_booking_whose_seat_is_not_its_own_is_seen(self, result: Result) -> None:
        history, confirmed = _some(result, "confirm", status="confirmed")
        history.owners = {cell: owner for cell, owner in history.owners.items() if owner != confirmed.told}
        assert any(said.startswith("I2") for said in judge(history, {}).violations)

    async def test_an_early_expiry_is_noticed_by_the_next_owner_of_the_seat(self, result: Result) -> None:
        """The notes say that it had a minute more; by then others had been told that they have its seats."""
        seen = [judge(_later(history, name), {}).violations for history, name in _expired(result)]
        assert any("I10" in said or "I1 " in said or "I7" in said for violations in seen for said in violations)

    async def test_an_early_expiry_is_seen_by_the_clock_of_the_database(self, result: Result) -> None:
        history, name = _expired(result)[0]
        assert judge(history, result.found.late_s).violations == []
        early = judge(history, {name: -60.0}).violations
        assert [said for said in early if said.startswith(f"I10 {name}")] == early != []

    async def test_a_lost_event_is_seen(self, result: Result) -> None:
        history, held = _some(result, "hold", status="released")
        history.events = [event for event in history.events or () if event.hold_id != held.told]
        assert any(said.startswith("I8") for said in judge(history, {}).violations)

    async def test_more_holds_than_a_holder_may_have_are_seen(self, result: Result) -> None:
        """Callers who share an account had two at once, which is too many if the limit is one."""
        assert any("I9" in said and "and may have 1" in said for said in judge_limits(result.histories.values(), 1))

    async def test_a_lost_place_on_a_waiting_list_is_seen(self, result: Result) -> None:
        """The place of a user who was told of it once and never left."""
        for book in result.notebook.books:
            if told := enough.holders_of_lasting_places(book):
                places = result.found.remains[book.name].places
                assert [*judge_lists(book.of_list, places, cancelled_s=book.cancelled_s)] == []
                left = {user: places[user] for user in places.keys() - told}
                assert [*judge_lists(book.of_list, left, cancelled_s=book.cancelled_s)] != []
                return
        raise AssertionError("in this run nobody got a place and kept it")


def _some(result: Result, op: str, *, status: str, steps: int = 100) -> tuple[History, Call]:
    """An acknowledged call for a hold, whole, that the record has in that state and that at most so many calls were
    for; with its history, to be changed.
    """
    for history in result.histories.values():
        asked = Counter(call.subject for call in history.calls)
        for number, call in enumerate(history.calls):
            row = history.holds.get(call.told)
            is_it = call.op == op and call.answer is CallOutcome.OK and row is not None and row.status == status
            if is_it and not call.parts and asked[call.subject] <= steps:
                changed = deepcopy(history)
                return changed, changed.calls[number]
    raise AssertionError(f"in this run nobody was told of a {op} that is {status}")


def _expired(result: Result) -> list[tuple[History, str]]:
    return [
        (history, name)
        for history in result.histories.values()
        for name, row in history.holds.items()
        if row.status == "expired"
    ]


def _later(history: History, name: str) -> History:
    """The same call, but the hold should have lasted a minute more."""
    row = history.holds[name]
    return replace(history, holds={**history.holds, name: row._replace(expires_at_ms=row.expires_at_ms + MINUTE_MS)})
