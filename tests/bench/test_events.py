"""The benches of events: every event arrives at the brokers' consumers, and a backlog is published as a whole."""

import json
from pathlib import Path

import anyio
import pytest

from tests.events.brokers import own_name
from tests.typed import Type
from verification.servers.kafka import Kafka
from verification.servers.rabbitmq import RabbitServer


@pytest.mark.once
def test_a_backlog_is_published_as_a_whole(typed: Type, tmp_path: Path) -> None:
    sinks = f"one=json-lines:{tmp_path}/one,two=json-lines:{tmp_path}/two"
    answer = typed("bench", "backlog", "--events", "60", "--json", TRAVIO_EVENTS=sinks)
    assert answer.status == 0, answer.err
    results = json.loads(answer.out)["results"]
    assert (results["recorded"], results["one"]["published"], results["two"]["published"]) == (60, 60, 60)
    assert len((tmp_path / "two").read_text().splitlines()) == 60


def test_without_a_broker_a_bench_of_events_says_what_to_set(typed: Type) -> None:
    answer = typed("bench", "events", TRAVIO_EVENTS="json-lines")
    assert answer.status == 2
    assert "set TRAVIO_EVENTS to sinks of Kafka or RabbitMQ" in answer.err


@pytest.mark.thorough
def test_every_event_of_a_hold_arrives_at_consumers_of_both_brokers(
    kafka_node: Kafka, rabbitmq_node: RabbitServer, typed: Type
) -> None:
    topic = own_name()
    anyio.run(kafka_node.create, topic)
    sinks = f"kafka://{kafka_node.address}?topic={topic},{rabbitmq_node.url}?exchange={topic}"
    answer = typed("bench", "events", "--holds-per-second", "50", "--seconds", "2", "--json", TRAVIO_EVENTS=sinks)
    assert answer.status == 0, answer.err
    results = json.loads(answer.out)["results"]
    assert {name: sink["arrived"] for name, sink in results["sinks"].items()} == {"kafka": 100, "amqp": 100}
    assert results["sinks"]["kafka"]["after_request_ms"]["p50"] > 0
