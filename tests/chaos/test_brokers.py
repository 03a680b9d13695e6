"""Brokers on a bad day: each is killed, stopped, full and slow, and in the end was told everything in order."""

from pathlib import Path

import pytest

from tests.chaos.test_chaos import SHORT
from verification.chaos import nemesis
from verification.chaos.brokers import BROKERS, Step
from verification.chaos.nemesis import FAULTS
from verification.chaos.page import page
from verification.chaos.run import HOLDS_MAX, Options, run
from verification.chaos.verdict import judge_brokers
from verification.servers.fixtures import need

OF_BROKERS = {name for name, fault in FAULTS.items() if fault.lane == "broker"}


def test_brokers_have_faults_only_where_there_are_some_and_others_stay_as_they_were() -> None:
    alone, beside = (nemesis.plan(1, 600.0, list(FAULTS), brokers=brokers) for brokers in (0, len(BROKERS)))
    of_brokers = [planned for planned in beside if planned.lane == "broker"]
    assert [planned for planned in beside if planned.lane != "broker"] == alone
    assert {planned.fault for planned in of_brokers} == OF_BROKERS
    assert {(planned.fault, planned.target) for planned in of_brokers} == {
        (name, target) for name in OF_BROKERS for target in range(len(BROKERS))
    }


def test_events_that_a_broker_has_out_of_order_or_not_at_all_are_seen() -> None:
    first, second, third = (Step("h", ordinal) for ordinal in range(3))
    assert judge_brokers({"b": [first, second, first, third], "c": []}) == []
    assert len(judge_brokers({"b": [second, first, third], "c": [first, second]})) == 1
    assert len(judge_brokers({"b": [first, third]})) == 1


@pytest.mark.thorough
@pytest.mark.server
@pytest.mark.timeout(900)
@pytest.mark.parametrize("broker", BROKERS)
async def test_every_promise_holds_while_a_broker_has_every_fault(broker: str, tmp_path: Path) -> None:
    for server in ("scylla", "redis", *({broker} - {"redis", "webhook"})):
        need(server)
    faults = [name for name in SHORT if name in OF_BROKERS or name == "service-kill"]
    options = Options(
        seconds=40.0, seed=1, faults=faults, nodes=1, holds_max=HOLDS_MAX, brokers=[broker], faults_min=len(faults)
    )
    result = await run(options, tmp_path, print)
    assert result.verdict.violations == []
    assert {struck.planned.fault for struck in result.struck} >= OF_BROKERS
    assert result.found.brokers[broker]
    assert f"events that {broker} has" in page(result)
