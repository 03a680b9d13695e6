"""What every sink promises: events in order, all or an error, and again after an error."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import anyio
import anyio.lowlevel
import pytest

from tests.events.events import event
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.events.sinks.kafka import Kafka
from travio_inventory.events.targets.kafka import parse_kafka
from travio_inventory.kernel.events import Event, PublishFailed, Sink
from verification.servers.kafka import Kafka as Node


@dataclass
class Rig:
    """A sink, the ids of the events that arrived, and how to break and repair its target."""

    sink: Sink
    arrived: Callable[[], Awaitable[list[str]]]
    break_it: Callable[[], None]
    mend_it: Callable[[], None]


@asynccontextmanager
async def json_lines(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    folder: Path = request.getfixturevalue("tmp_path")
    path = folder / "new" / "events.jsonl"
    kept = folder / "kept"

    async def arrived() -> list[str]:
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    def break_it() -> None:
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(kept)
        path.mkdir()

    def mend_it() -> None:
        path.rmdir()
        if kept.exists():
            kept.rename(path)

    with closing(JsonLines(path)) as sink:
        yield Rig(sink, arrived, break_it, mend_it)


@asynccontextmanager
async def in_process(_: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    told: list[str] = []
    broken: list[bool] = []

    async def subscriber(event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        if broken:
            raise ConnectionError("away")
        told.append(event.id)

    sink = InProcess()
    sink.subscribe(subscriber)

    async def arrived() -> list[str]:
        return told

    yield Rig(sink, arrived, lambda: broken.append(True), broken.clear)


@asynccontextmanager
async def kafka(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    node: Node = request.getfixturevalue("kafka_node")
    topic = token_hex(8)
    await node.create(topic)

    async def arrived() -> list[str]:
        return [json.loads(record.value)["id"] for record in await node.records(topic)]

    target = parse_kafka(f"kafka://{node.address}?topic={topic}&publish_seconds_max=2")
    async with Kafka(target) as sink:
        try:
            yield Rig(sink, arrived, node.pause, node.resume)
        finally:
            node.resume()


SINKS = {
    "json_lines": (json_lines, ()),
    "in_process": (in_process, ()),
    "kafka": (kafka, (pytest.mark.kafka,)),
}


@pytest.fixture(params=[pytest.param(rig, id=name, marks=marks) for name, (rig, marks) in SINKS.items()])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    opened: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Rig]] = request.param
    async with opened(request) as made:
        yield made


async def test_events_arrive_in_order(rig: Rig) -> None:
    await rig.sink.publish([event("1"), event("2")])
    await rig.sink.publish([event("3")])
    assert await rig.arrived() == ["1", "2", "3"]


async def test_no_events_are_nothing_to_do(rig: Rig) -> None:
    await rig.sink.publish([])
    assert await rig.arrived() == []


async def test_an_event_published_again_arrives_again(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    await rig.sink.publish([event("1")])
    assert await rig.arrived() == ["1", "1"]


async def test_a_failure_is_reported_and_the_events_can_be_published_again(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("2")])
    rig.mend_it()
    await rig.sink.publish([event("2"), event("3")])
    assert await rig.arrived() == ["1", "2", "3"]


async def test_a_failure_of_the_first_publish_is_reported_too(rig: Rig) -> None:
    rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("1")])


async def test_many_at_once_lose_nothing(rig: Rig) -> None:
    async with anyio.create_task_group() as publishing:
        for batch in range(20):
            publishing.start_soon(rig.sink.publish, [event(f"{batch}.{n}") for n in range(50)])
    assert sorted(await rig.arrived()) == sorted(f"{batch}.{n}" for batch in range(20) for n in range(50))
