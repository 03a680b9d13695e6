"""Which sources an operator may name, and what is said of a wrong one: never any part of a password."""

import pytest

from travio_inventory.events.inbound.choice import Binding, KafkaSource, RabbitSource, parse_sources
from travio_inventory.kernel.addresses import Address


def test_sources_are_told_in_one_line() -> None:
    said = "kafka://ann:pa,ss@one;two:1?topics=a;b&group=g&tls=on, shop=amqp://bob:x@three/v?queue=q&bind=e:k.#;f:&at_once=5"
    kafka, rabbit = parse_sources(said)
    assert (kafka.name, rabbit.name) == ("kafka", "shop")
    assert isinstance(kafka.source, KafkaSource)
    assert kafka.source.servers == (Address("one", 9092), Address("two", 1))
    assert (kafka.source.topics, kafka.source.group) == (("a", "b"), "g")
    assert isinstance(rabbit.source, RabbitSource)
    assert (rabbit.source.queue, rabbit.source.virtual_host, rabbit.source.at_once) == ("q", "v", 5)
    assert rabbit.source.bindings == (Binding("e", "k.#"), Binding("f", ""))


def test_there_may_be_none_and_defaults_are_what_others_use() -> None:
    assert parse_sources("none") == ()
    [chosen] = parse_sources("kafka://broker")
    assert isinstance(chosen.source, KafkaSource)
    assert (chosen.source.topics, chosen.source.group) == (("travio.catalog", "travio.payments"), "inventory-service")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "no known kind, number 1"),
        ("redis://hush", "no known kind, number 1: known are kafka://"),
        ("kafka://a,kafka://b", "two sources of one name"),
        (",".join(f"s{n}=kafka://a" for n in range(9)), "more than 8 sources"),
        ("kafka://ann:hush@a?topics=a;a", "kafka has wrong topics"),
        ("kafka://ann:hush@a?topics=a b", "kafka has wrong topics"),
        ("kafka://a?group=", "wrong group"),
        ("kafka://a?colour=hush", "an option 'colour'"),
        ("amqp://a?queue=a;b", "wrong queue"),
        ("amqp://a?bind=exchange", "wrong bind"),
        ("amqp://a?at_once=0", "wrong at_once"),
        ("amqps://a?tls=off", "amqps: with tls=off"),
    ],
)
def test_a_wrong_source_is_refused_without_its_secrets(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        parse_sources(wrong)
    assert "hush" not in str(refused.value)
