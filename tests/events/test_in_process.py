"""Subscribers: each gets every event, and the wait for a slow one is limited."""

import anyio
import pytest

from tests.events.events import event
from travio_inventory.events.sinks.in_process import SUBSCRIBERS_MAX, InProcess
from travio_inventory.kernel.events import Event, PublishFailed


async def test_without_subscribers_events_go_nowhere() -> None:
    broker = InProcess()
    await broker.publish([event("1")])
    with broker.stream(events_max=1) as events:
        await broker.publish([event("2")])
        assert (await events.receive()).id == "2"


async def test_every_subscriber_has_every_event() -> None:
    broker = InProcess()
    with broker.stream(events_max=2) as one, broker.stream(events_max=2) as other:
        await broker.publish([event("1"), event("2")])
        for events in (one, other):
            assert [(await events.receive()).id, (await events.receive()).id] == ["1", "2"]


async def test_more_events_than_a_stream_holds_wait_for_its_reader() -> None:
    broker = InProcess()
    with broker.stream(events_max=1) as events:
        async with anyio.create_task_group() as publishing:
            publishing.start_soon(broker.publish, [event(str(n)) for n in range(10)])
            assert [(await events.receive()).id for _ in range(10)] == [str(n) for n in range(10)]


async def test_a_subscriber_that_never_reads_fails_the_publish() -> None:
    broker = InProcess(publish_seconds_max=0.05)
    with broker.stream(events_max=1), pytest.raises(PublishFailed, match=r"more than 0\.05 s"):
        await broker.publish([event("1"), event("2")])


async def test_a_subscriber_that_closed_its_stream_holds_up_nobody() -> None:
    broker = InProcess(publish_seconds_max=0.05)
    with broker.stream(events_max=1):
        pass
    await broker.publish([event("1"), event("2")])


async def test_a_timeout_of_a_subscriber_is_its_own_failure() -> None:
    async def subscriber(_: Event) -> None:
        raise TimeoutError("mine")

    broker = InProcess()
    broker.subscribe(subscriber)
    with pytest.raises(PublishFailed, match="mine"):
        await broker.publish([event("1")])


async def test_there_is_a_limit_to_subscribers() -> None:
    async def subscriber(_: Event) -> None:
        pass

    broker = InProcess()
    for _ in range(SUBSCRIBERS_MAX):
        broker.subscribe(subscriber)
    with pytest.raises(ValueError, match=str(SUBSCRIBERS_MAX)):
        broker.subscribe(subscriber)
