"""Whether calls should be sent to a process, apart from whether it runs: stores that come and go, jobs, a stop."""

import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import TypeAlias

import anyio
import pytest
from grpclib.client import Channel
from grpclib.health.v1.health_grpc import HealthStub
from grpclib.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from travio_inventory.api.grpc.service import LIVENESS, SERVICE
from travio_inventory.app.backends import Store
from travio_inventory.app.readiness import (
    ANSWER_S_MAX,
    BACKGROUND,
    KEYSPACE,
    LOOK_AGAIN_S,
    LOOK_EVERY_S,
    STORE,
    Readiness,
    look_at_store,
)
from travio_inventory.app.service import App, applied, open_inventory, running
from travio_inventory.cli import probe
from travio_inventory.protocol.batches import NotDone, Outcome
from travio_inventory.protocol.probe import SPREAD, StoreProbe
from travio_inventory.protocol.store_waits import StoreWaits
from travio_inventory.settings import Settings
from travio_inventory.store.memory import MemoryBatches
from travio_inventory.telemetry.metrics import Figures
from verification.kit.asking import open_trip
from verification.kit.in_process import settings_of
from verification.kit.passing import Batch, PassingMemory, Send
from verification.kit.trips import trip_of
from verification.simulation.virtual_loop import run_virtually

SEEN_S_MAX = 60
Answer: TypeAlias = str | Exception | float
"""The answer of a store: "" is success, a text the reason why a batch is not done, a number the seconds that it takes.
"""


class ScriptedStore(PassingMemory):
    """A store that gives these answers, and then succeeds."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(None, Random(1), anyio.sleep)
        self._answers = list(answers)

    async def pass_on(self, batch: Batch, send: Send) -> Outcome:
        answer = self._answers.pop(0) if self._answers else ""
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await anyio.sleep(answer)
        if isinstance(answer, str) and answer:
            return NotDone(answer)
        return await send(batch)


def looked(*answers: Answer, applied: Callable[[], int] = lambda: 0) -> list[tuple[float, bool]]:
    """When a process with this store becomes ready and not ready."""
    told: list[tuple[float, bool]] = []

    async def look() -> None:
        readiness = Readiness(lambda is_ready: told.append((anyio.current_time(), is_ready)))
        with anyio.move_on_after(60):
            await look_at_store(Store(ScriptedStore(*answers), "here"), readiness, applied=applied, waits=StoreWaits())

    run_virtually(1, look())
    return told


@pytest.mark.parametrize("failure", ["the disk is full", OSError("gone"), ANSWER_S_MAX + 1])
def test_a_store_that_fails_twice_in_a_row_is_not_ready_until_it_answers(failure: Answer) -> None:
    again_s = LOOK_AGAIN_S + (ANSWER_S_MAX if isinstance(failure, float) else 0)
    assert looked("", failure, "", failure, failure, failure, "") == [
        (0, True),
        (pytest.approx(2 * LOOK_EVERY_S + 3 * again_s - LOOK_AGAIN_S), False),
        (pytest.approx(2 * LOOK_EVERY_S + 4 * again_s), True),
    ]


def test_a_store_that_is_too_busy_for_a_probe_but_serves_other_calls_counts_as_available() -> None:
    assert looked(*["no turn within 2 s"] * 9, applied=count().__next__) == [(0, True)]


def test_a_process_without_problems_is_ready(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    told: list[bool] = []
    readiness = Readiness(told.append)
    readiness.note(STORE, "the disk is full")
    readiness.note(STORE, "the disk is gone")
    readiness.note(BACKGROUND, "one broke down")
    assert dict(readiness.problems) == {STORE: "the disk is gone", BACKGROUND: "one broke down"}
    readiness.note(STORE, "")
    assert not readiness.is_ready
    readiness.note(BACKGROUND, "")
    readiness.stop()
    assert told == [True, False, True, False]
    assert caplog.messages == [
        "not ready: store: the disk is full",
        "not ready: background jobs: one broke down",
        "no longer so: store: the disk is gone",
        "no longer so: background jobs: one broke down",
    ]


def test_a_process_with_a_wrong_keyspace_is_not_ready_even_if_the_store_answers() -> None:
    found = ["other copies decide"]
    readiness = Readiness(lambda _is_ready: None)

    async def look() -> None:
        with anyio.move_on_after(LOOK_EVERY_S / 2):
            await look_at_store(
                Store(ScriptedStore(), "here", lambda: found[0]),
                readiness,
                applied=lambda: 0,
                waits=StoreWaits(),
            )

    run_virtually(1, look())
    assert readiness.problems == {KEYSPACE: "other copies decide"}
    found[0] = ""
    run_virtually(1, look())
    assert readiness.is_ready


async def test_processes_that_probe_the_same_row_do_not_disturb_each_other() -> None:
    batches = MemoryBatches(None, Random(1), anyio.sleep)
    probes = [StoreProbe(batches, Random(7)) for _ in range(3)]
    assert [await probe.problem() for _ in range(3) for probe in probes] == [""] * 9
    assert len({StoreProbe(batches, Random(seed))._partition for seed in range(400)}) == SPREAD


# ---- the service


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service for this test."""
    return settings_of(tmp_path)


@contextmanager
def no_space_after(path: Path) -> Iterator[None]:
    """The disk accepts no byte beyond the file's present end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def health_of(app: App) -> Iterator[Callable[[str], Awaitable[str]]]:
    """Asks the service for the status of a name."""
    channel = Channel("127.0.0.1", app.port)

    async def status(name: str) -> str:
        answer = await HealthStub(channel).Check(HealthCheckRequest(service=name))
        return HealthCheckResponse.ServingStatus.Name(answer.status)

    try:
        yield status
    finally:
        channel.close()


@pytest.mark.once
async def test_a_process_whose_store_is_gone_is_alive_but_not_ready_until_it_is_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(settings) as app:
        monkeypatch.setenv("TRAVIO_GRPC_HOST", "127.0.0.1")
        monkeypatch.setenv("TRAVIO_GRPC_PORT", str(app.port))
        with health_of(app) as status:

            async def until(wanted: str) -> None:
                with anyio.fail_after(SEEN_S_MAX):
                    while await status("") != wanted:  # noqa: ASYNC110 - Check is what a prober calls
                        await anyio.sleep(0.05)

            async def probed(question: str) -> int:
                return await anyio.to_thread.run_sync(probe.probe, [question])

            assert [await status(name) for name in ("", SERVICE, LIVENESS)] == ["SERVING"] * 3
            assert await probed("readiness") == await probed("liveness") == 0
            with no_space_after(settings.store.data / "inventory.db-wal"):
                await until("NOT_SERVING")
                assert [await status(name) for name in (SERVICE, LIVENESS)] == ["NOT_SERVING", "SERVING"]
                assert STORE in app.readiness.problems
                assert (await probed("readiness"), await probed("liveness")) == (1, 0)
                assert capsys.readouterr().err == "not well: NOT_SERVING\n"
            await until("SERVING")
            assert (await status(SERVICE), await probed("readiness")) == ("SERVING", 0)


async def test_a_probe_says_how_long_it_waited_for_a_service_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "ANSWER_SECONDS_MAX", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("TRAVIO_GRPC_HOST", "127.0.0.1")
        monkeypatch.setenv("TRAVIO_GRPC_PORT", str(silent.getsockname()[1]))
        assert await anyio.to_thread.run_sync(probe.probe, ["liveness"]) == 1
    assert capsys.readouterr().err == "not well: no answer within 0.2 s\n"


@pytest.mark.breakdown
async def test_the_jobs_of_a_store_are_kept_running_and_their_findings_are_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    async def watch() -> None:
        found.append("other copies decide")
        raise ZeroDivisionError

    @asynccontextmanager
    async def opened(_settings: Settings, *_: object) -> AsyncIterator[Store]:
        yield Store(
            MemoryBatches(None, Random(1), anyio.sleep),
            "here",
            lambda: found[-1] if len(found) > 1 else "",
            {"watch": watch},
        )

    monkeypatch.setattr("travio_inventory.app.service.open_batches", opened)
    async with running(settings) as app:
        with anyio.fail_after(SEEN_S_MAX):
            while app.readiness.is_ready:  # noqa: ASYNC110 - changes are told to the health service alone
                await anyio.sleep(0.05)
        assert app.readiness.problems == {KEYSPACE: "other copies decide"}


async def test_batches_that_are_applied_for_callers_count_for_a_busy_store(settings: Settings) -> None:
    figures = Figures()
    async with open_inventory(settings, figures=figures) as inventory:
        before = applied(figures)
        await open_trip(inventory, trip_of("t1", seats=4))
        assert applied(figures) > before


async def test_a_watcher_is_told_that_a_process_stops_before_it_does(settings: Settings) -> None:
    heard: list[int] = []

    async def watch(port: int, begun: anyio.Event) -> None:
        channel = Channel("127.0.0.1", port)
        with suppress(Exception):  # the connection ends with the service
            async with HealthStub(channel).Watch.open() as watching:
                await watching.send_message(HealthCheckRequest(service=SERVICE), end=True)
                async for answer in watching:
                    heard.append(answer.status)
                    begun.set()
        channel.close()

    async with anyio.create_task_group() as watching, running(settings) as app:
        begun = anyio.Event()
        watching.start_soon(watch, app.port, begun)
        await begun.wait()
    assert heard == [HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING]


@pytest.mark.parametrize("words", [[], ["both"], ["readiness", "liveness"]])
def test_a_probe_asks_for_one_name(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.probe(words) == probe.EXIT_WRONG
    assert capsys.readouterr().err == "ask for one of: readiness, liveness\n"


def test_a_probe_without_an_answer_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TRAVIO_GRPC_HOST", "127.0.0.1")
    monkeypatch.setenv("TRAVIO_GRPC_PORT", "1")
    assert probe.probe(["liveness"]) == probe.EXIT_NOT_WELL
    assert capsys.readouterr().err.startswith("not well: ConnectionRefusedError: ")
