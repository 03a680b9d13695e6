"""What every sink promises: events in order, all or an error, and again after an error."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from tests.events.events import event
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.kernel.events import Event, PublishFailed, Sink


@dataclass
class Rig:
    """A sink, the ids of the events that arrived, and how to break and repair its target."""

    sink: Sink
    arrived: Callable[[], list[str]]
    break_it: Callable[[], None]
    mend_it: Callable[[], None]


def json_lines(folder: Path) -> Rig:
    path = folder / "new" / "events.jsonl"
    kept = folder / "kept"

    def arrived() -> list[str]:
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

    return Rig(JsonLines(path), arrived, break_it, mend_it)


def in_process(_: Path) -> Rig:
    told: list[str] = []
    broken: list[bool] = []

    async def subscriber(event: Event) -> None:
        await anyio.lowlevel.checkpoint()
        if broken:
            raise ConnectionError("away")
        told.append(event.id)

    sink = InProcess()
    sink.subscribe(subscriber)
    return Rig(sink, lambda: told, lambda: broken.append(True), broken.clear)


@pytest.fixture(params=[json_lines, in_process], ids=["json_lines", "in_process"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    made: Rig = request.param(tmp_path)
    return made


async def test_events_arrive_in_order(rig: Rig) -> None:
    await rig.sink.publish([event("1"), event("2")])
    await rig.sink.publish([event("3")])
    assert rig.arrived() == ["1", "2", "3"]


async def test_no_events_are_nothing_to_do(rig: Rig) -> None:
    await rig.sink.publish([])
    assert rig.arrived() == []


async def test_an_event_published_again_arrives_again(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    await rig.sink.publish([event("1")])
    assert rig.arrived() == ["1", "1"]


async def test_a_failure_is_reported_and_the_events_can_be_published_again(rig: Rig) -> None:
    await rig.sink.publish([event("1")])
    rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("2")])
    rig.mend_it()
    await rig.sink.publish([event("2"), event("3")])
    assert rig.arrived() == ["1", "2", "3"]


async def test_a_failure_of_the_first_publish_is_reported_too(rig: Rig) -> None:
    rig.break_it()
    with pytest.raises(PublishFailed):
        await rig.sink.publish([event("1")])


async def test_many_at_once_lose_nothing(rig: Rig) -> None:
    async with anyio.create_task_group() as publishing:
        for batch in range(20):
            publishing.start_soon(rig.sink.publish, [event(f"{batch}.{n}") for n in range(50)])
    assert sorted(rig.arrived()) == sorted(f"{batch}.{n}" for batch in range(20) for n in range(50))
