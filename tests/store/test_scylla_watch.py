"""What the service assumes about its cluster: checked before it starts, and again while it runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from anyio import create_task_group
from cassandra.cluster import Session

from travio_inventory.store.scylla import ScyllaBatches, ScyllaOptions, clocks, schema, watch
from travio_inventory.store.scylla.connecting import session as scylla_session

SEEN_S_MAX = 30
BOUND = "TRAVIO_CLOCK_BOUND_MS"


@pytest.fixture
def options(scylla: ScyllaOptions) -> ScyllaOptions:
    """A keyspace of the test's own."""
    return replace(scylla, keyspace=f"watch_{uuid4().hex[:12]}", rules={BOUND: "250"})


@pytest.fixture
def session(options: ScyllaOptions) -> Iterator[Session]:
    """A session on the keyspace, which goes away afterwards."""
    with scylla_session(options) as opened:
        schema.apply(opened, options, replication=1)
        yield opened
        opened.execute(f"DROP KEYSPACE {options.keyspace}")


def never(why: str) -> None:
    """The store must not be barred."""
    raise AssertionError(why)


@asynccontextmanager
async def watched(session: Session, options: ScyllaOptions) -> AsyncIterator[list[str]]:
    """Check ten times a second while the block lasts; the findings of each check."""
    agreed = schema.check(session, replace(options, replication_min=1))
    unfit: list[str] = []
    watching = asyncio.create_task(watch.go_on(session, options, agreed, never, unfit.append, every_s=0.1))
    yield unfit
    watching.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(SEEN_S_MAX):
        while not condition():  # noqa: ASYNC110 - a log tells no event loop
            await asyncio.sleep(0.05)


async def test_a_keyspace_that_loses_replicas_under_a_running_service_is_reported_once(
    session: Session, options: ScyllaOptions, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(session, replace(options, replication_min=2)):
        await until(lambda: "keeps 1 copies of a row, not 2" in caplog.text)
        await asyncio.sleep(0.5)
    assert caplog.text.count("keeps 1 copies") == 1


async def test_a_table_that_changes_under_a_running_service_is_reported_until_it_is_right(
    session: Session, options: ScyllaOptions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with watched(session, options) as unfit:
        session.execute(f"ALTER TABLE {options.keyspace}.ledgers DROP fingerprint")
        await until(lambda: "ledgers.fingerprint is missing" in caplog.text)
        assert "ledgers.fingerprint is missing" in unfit[-1]
        schema.apply(session, options, replication=1)
        await until(lambda: "no longer so: keyspace" in caplog.text)
        await asyncio.sleep(0.5)
        assert unfit[-1] == ""
    assert caplog.text.count("ledgers.fingerprint is missing") == 2


async def test_rules_that_processes_do_not_share_are_reported(
    session: Session, options: ScyllaOptions, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(session, replace(options, rules={BOUND: "500"})) as unfit:
        await until(lambda: f"{BOUND}=500, and 250 in keyspace" in caplog.text)
        assert set(unfit) == {""}, "it is told, and sells on"


async def test_a_clock_that_goes_wrong_under_a_running_service_is_reported_until_it_is_right(
    session: Session, options: ScyllaOptions, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    true_ns = time.time_ns
    async with watched(session, options):
        with monkeypatch.context() as wrong:
            wrong.setattr(time, "time_ns", lambda: true_ns() + 5 * 10**9)
            await until(lambda: "s ahead of those of the database: holds may end early or late" in caplog.text)
        await until(lambda: "no longer so: the clock of this machine" in caplog.text)


async def test_a_check_that_fails_is_not_the_last(
    session: Session, options: ScyllaOptions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger=watch.__name__)
    async with watched(session, options):
        session.execute(f"DROP TABLE {options.keyspace}.agreements")
        await until(lambda: f"cannot check keyspace {options.keyspace}" in caplog.text)
        schema.apply(session, options, replication=1)
        session.execute(f"ALTER TABLE {options.keyspace}.ledgers DROP fingerprint")
        await until(lambda: "ledgers.fingerprint is missing" in caplog.text)


@pytest.mark.usefixtures("session")
async def test_a_watched_store_is_checked(options: ScyllaOptions, caplog: pytest.LogCaptureFixture) -> None:
    options = replace(options, rules={BOUND: "500"})
    async with ScyllaBatches.connect(options) as batches, create_task_group() as watching:
        watching.start_soon(batches.keep_watch)
        await until(lambda: f"{BOUND}=500, and 250 in keyspace" in caplog.text)
        watching.cancel_scope.cancel()


def test_applying_the_schema_puts_new_rules_down_and_keeps_the_name(session: Session, options: ScyllaOptions) -> None:
    before = schema.check(session, options)
    schema.apply(session, replace(options, rules={BOUND: "500"}), replication=1)
    after = schema.check(session, options)
    assert (before[BOUND], after[BOUND]) == ("250", "500")
    assert {**before, BOUND: ""} == {**after, BOUND: ""}


async def test_every_process_learns_the_name_that_a_keyspace_has_and_no_other(
    session: Session, options: ScyllaOptions, scylla: ScyllaOptions
) -> None:
    names = []
    for one in (options, options, scylla):
        async with ScyllaBatches.connect(one) as batches:
            names.append(batches.deployment)
    assert names[0] == names[1] == schema.check(session, options)["deployment"]
    assert names[2] not in ("", names[0])


@pytest.mark.parametrize("ahead_ms", [pytest.param(3_600_000, marks=pytest.mark.thorough), 12_000, -12_000])
def test_a_clock_far_from_the_servers_stops_the_start(session: Session, ahead_ms: int) -> None:
    side = "ahead of" if ahead_ms > 0 else "behind"
    with pytest.raises(clocks.ClockWrong, match=rf"clock of this machine is [\d.]+ s {side} those of the database"):
        clocks.check(session, lambda: clocks.now_ms() + ahead_ms)


@pytest.mark.parametrize(
    "ahead_ms", [pytest.param(5_000, marks=pytest.mark.thorough), 0, pytest.param(-5_000, marks=pytest.mark.thorough)]
)
def test_a_clock_not_so_far_from_them_is_measured(session: Session, ahead_ms: int) -> None:
    clocks.check(session, lambda: clocks.now_ms() + ahead_ms)
    measured = clocks.apart_ms(session, lambda: clocks.now_ms() + ahead_ms)
    assert abs(measured - ahead_ms) < 2_000
    assert measured == 0 or ahead_ms


def test_a_slow_answer_is_no_wrong_clock(session: Session) -> None:
    """The clock as a process sees it that is stopped for a minute while the answer is on its way."""
    moments = iter(range(10))

    def paused() -> int:
        return clocks.now_ms() + (60_000 if next(moments) % 2 else 0)

    assert clocks.apart_ms(session, paused) == 0
