"""What every sink promises: events in order, all or an error, and again after an error."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest

from tests.events.brokers import Place, nats_place, rabbitmq_place, redis_place
from tests.events.events import event
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from verification.kit.wire import wire


@dataclass
class Rig:
    """A sink, the ids of the events that arrived, and how to break and repair its target. One that `drops_repeats` has
    each event once.
    """

    sink: Sink
    arrived: Callable[[], Awaitable[list[str]]]
    break_it: Callable[[], Awaitable[None]]
    mend_it: Callable[[], Awaitable[None]]
    drops_repeats: bool = False


MakeRig: TypeAlias = Callable[[Path, pytest.FixtureRequest], AbstractAsyncContextManager[Rig]]


@asynccontextmanager
async def json_lines(folder: Path, _: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    path = folder / "new" / "events.jsonl"
    kept = folder / "kept"

    async def arrived() -> list[str]:
        await anyio.lowlevel.checkpoint()
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    async def break_it() -> None:
        await anyio.lowlevel.checkpoint()
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(kept)
        path.mkdir()

    async def mend_it() -> None:
        await anyio.lowlevel.checkpoint()
        path.rmdir()
        if kept.exists():
            kept.rename(path)

    yield Rig(JsonLines(path), arrived, break_it, mend_it)


@asynccontextmanager
async def in_process(_: Path, __: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    told: list[str] = []
    broken: list[bool] = []

    async def subscriber(event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        if broken:
            raise ConnectionError("away")
        told.append(event.id)

    async def arrived() -> list[str]:
        await anyio.lowlevel.checkpoint()
        return told

    async def break_it() -> None:
        await anyio.lowlevel.checkpoint()
        broken.append(True)

    async def mend_it() -> None:
        await anyio.lowlevel.checkpoint()
        broken.clear()

    sink = InProcess()
    sink.subscribe(subscriber)
    yield Rig(sink, arrived, break_it, mend_it)


def at_broker(place: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]) -> MakeRig:
    """A sink at the end of a wire to a broker, which is cut to break it."""

    @asynccontextmanager
    async def make(_: Path, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
        async with place(request) as there, wire(there.port) as line, there.sink(line.port) as sink:
            yield Rig(sink, there.arrived, line.cut, line.mend, there.drops_repeats)

    return make


@pytest.fixture(
    params=[
        pytest.param(json_lines, id="json_lines"),
        pytest.param(in_process, id="in_process"),
        pytest.param(at_broker(rabbitmq_place), id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param(at_broker(nats_place), id="nats", marks=pytest.mark.nats),
        pytest.param(at_broker(redis_place), id="redis", marks=pytest.mark.redis),
    ]
)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    make: MakeRig = request.param
    async with make(tmp_path, request) as made:
        yield made


async def test_events_arrive_in_order(rig: Rig) -> None:
    await rig.sink.publish([event("1"), event("2")])
    await rig.sink.publish([event("3")])
    assert await rig.arrived() == ["1", "2", "3"]


async def test_no_events_are_nothing_to_do(rig: Rig) -> None:
    await rig.sink.publish([])
    assert await rig.arrived() == []


async def test_an_event_published_again_arrives_again_or_once(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    await rig.sink.publish([event("1")])
    assert await rig.arrived() == (["1"] if rig.drops_repeats else ["1", "1"])


async def test_a_failure_is_reported_and_the_events_can_be_published_again(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    await rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("2")])
    await rig.mend_it()
    await rig.sink.publish([event("2"), event("3")])
    assert await rig.arrived() == ["1", "2", "3"]


async def test_a_failure_of_the_first_publish_is_reported_too(rig: Rig) -> None:
    await rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("1")])


async def test_many_at_once_lose_nothing(rig: Rig) -> None:
    async with anyio.create_task_group() as publishing:
        for batch in range(20):
            publishing.start_soon(rig.sink.publish, [event(f"{batch}.{n}") for n in range(50)])
    assert sorted(await rig.arrived()) == sorted(f"{batch}.{n}" for batch in range(20) for n in range(50))
