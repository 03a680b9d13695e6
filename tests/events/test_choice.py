"""Sinks as an operator writes them: each has its own name, and errors are reported without secrets."""

from pathlib import Path

import pytest

from travio_inventory.events.choice import SINKS_MAX, URL_KINDS, parse_sink, parse_sinks
from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import Login, SecretFile, Tls
from travio_inventory.events.targets.files import JsonLinesFile
from travio_inventory.events.targets.kafka import Compression, KafkaTopic, Sasl
from travio_inventory.events.targets.nats import NatsStream
from travio_inventory.events.targets.rabbitmq import RabbitExchange
from travio_inventory.events.targets.redis_stream import RedisStreams
from travio_inventory.kernel.addresses import Address

HUSH = "hu%2Csh-h%40sh"
"""A password, as it is written in a URL."""


def kafka(text: str) -> KafkaTopic:
    target = parse_sink(text).target
    assert isinstance(target, KafkaTopic)
    return target


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("none", []),
        ("json-lines", [("json-lines", "events.jsonl")]),
        ("json-lines:/var/log/events.jsonl", [("json-lines", "/var/log/events.jsonl")]),
        ("audit=json-lines:a=b.jsonl", [("audit", "a=b.jsonl")]),
        (" json-lines , audit=json-lines:audit.jsonl ", [("json-lines", "events.jsonl"), ("audit", "audit.jsonl")]),
    ],
)
def test_a_sink_has_the_name_of_its_kind_unless_it_is_given_one(text: str, chosen: list[tuple[str, str]]) -> None:
    assert [(name, target) for name, target in parse_sinks(text)] == [
        (name, JsonLinesFile(file)) for name, file in chosen
    ]


def test_sinks_of_several_kinds_stand_in_one_list() -> None:
    sinks = parse_sinks("json-lines,shop=kafka://a:9092;b:9093?topic=t,kafka://[::1]")
    assert [sink.name for sink in sinks] == ["json-lines", "shop", "kafka"]
    assert [sink.target.place for sink in sinks] == [
        "file events.jsonl",
        "topic t at a:9092, b:9093",
        "topic travio.inventory.events at [::1]:9092",
    ]


def test_kafka_is_reached_openly_unless_more_is_said() -> None:
    assert kafka("kafka://broker") == KafkaTopic(
        servers=(Address("broker", 9092),),
        topic="travio.inventory.events",
        shape=Shape.NATIVE,
        login=None,
        sasl=Sasl.SCRAM_512,
        tls=None,
        compression=Compression.NONE,
        publish_seconds_max=10,
        message_bytes_max=1_000_000,
    )


def test_a_login_and_tls_are_options_of_the_url() -> None:
    target = kafka(
        f"kafka://an%40n:{HUSH}@broker:1?sasl=plain&tls=on&ca_file=/a.pem&cert_file=/c.pem&key_file=/k.pem"
        "&compression=gzip&publish_seconds_max=3&message_bytes_max=2000"
    )
    assert target.login == Login("an@n", "hu,sh-h@sh")
    assert target.login.secret() == "hu,sh-h@sh"
    assert target.tls == Tls(Path("/a.pem"), Path("/c.pem"), Path("/k.pem"))
    assert (target.sasl, target.compression) == (Sasl.PLAIN, Compression.GZIP)
    assert (target.publish_seconds_max, target.message_bytes_max) == (3, 2_000)
    assert "sh-h" not in repr(target)


def test_a_password_in_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    login = kafka(f"kafka://ann@broker?password_file={file}").login
    assert login == Login("ann", SecretFile(file, "password_file"))
    for word in ("first", "second"):
        file.write_text(f"{word}\n")
        assert login.secret() == word


@pytest.mark.parametrize(
    ("given", "named"),
    [(HUSH, "password_file (not shown, as it does not begin with /)"), ("/run/secrets/none", "/run/secrets/none")],
)
def test_a_password_in_place_of_its_file_is_not_named_where_it_is_read(given: str, named: str) -> None:
    login = kafka(f"kafka://ann@broker?password_file={given}").login
    assert login is not None
    with pytest.raises(FileNotFoundError) as raised:
        login.secret()
    assert raised.value.filename == named


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no known kind, number 1: known are json-lines, .*kafka://"),
        ("jsonlines", "no known kind"),
        ("json-lines://a", "no known kind"),
        ("kafka:a", "no known kind"),
        ("json-lines:", "json-lines names no file"),
        ("json-lines,none", "no known kind, number 2"),
        ("json-lines,", "no known kind, number 2"),
        ("json-lines,json-lines:other.jsonl", "two sinks of one name, json-lines"),
        ("a=json-lines,b=json-lines", "two sinks of one place, file events.jsonl"),
        ("a=json-lines,b=json-lines:./events.jsonl", "two sinks of one place, file events.jsonl"),
        ("a=kafka://h?shape=native,b=kafka://h", "two sinks of one place, topic travio.inventory.events at h:9092"),
        ("A=json-lines", "named 'A'"),
        ("=json-lines", "named ''"),
        ("a b=json-lines", "named 'a b'"),
        (f"{'a' * 33}=json-lines", "up to 32"),
        (",".join(f"s{n}=json-lines:{n}" for n in range(SINKS_MAX + 1)), "more than 8"),
    ],
)
def test_a_wrong_setting_is_reported(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_sinks(text)


@pytest.mark.parametrize(
    ("rest", "wrong"),
    [
        ("", "names no servers"),
        (":70000", "names no servers, or one wrongly: write HOST:PORT with a port from 1 to 65535"),
        ("a;;b", "names no servers"),
        (";".join("a" * 17), "more than 16 servers"),
        ("a/b", "has a path"),
        ("a?shape=natives", "has a wrong shape: allowed is native"),
        ("a?topic=a/b", "has a wrong topic"),
        ("a?topic=..", "has a wrong topic"),
        ("a?sasl=gssapi", "has a wrong sasl: allowed is scram-sha-512 or scram-sha-256 or plain"),
        ("a?compression=zip", "has a wrong compression"),
        ("a?tls=yes", "has a wrong tls: allowed is on or off"),
        ("a?ca_file=/a", "need tls=on"),
        ("a?tls=on&cert_file=/a", "cert_file and key_file"),
        ("a?publish_seconds_max=0", "has a wrong publish_seconds_max: allowed is a whole number from 1 to 60"),
        ("a?publish_seconds_max=1.5", "has a wrong publish_seconds_max"),
        ("a?message_bytes_max=999", "has a wrong message_bytes_max"),
        ("a?topic", "has options that are not NAME=VALUE"),
        ("a?topic=a&topic=b", "has an option twice"),
        (f"a?password={HUSH}", "has an option 'password', which is not known"),
        (f":{HUSH}@a", "has a password and no user"),
        (f"ann:{HUSH}@a?password_file=/a", "needs the password of its user once"),
        ("ann@a", "needs the password of its user once"),
        ("a?password_file=/a", "has a password and no user"),
        (f"ann:{HUSH}@a:b", "names no servers"),
    ],
)
def test_a_wrong_url_of_kafka_is_reported_without_its_secrets(rest: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as raised:
        parse_sink(f"shop=kafka://{rest}")
    assert "a sink that is wrong: shop " in str(raised.value)
    assert "sh-h" not in str(raised.value)


def test_rabbitmq_nats_and_redis_are_reached_as_the_url_says() -> None:
    rabbit = parse_sink("amqps://ann:hush@a;b:1/shop%2Fone?exchange=x&declare=off").target
    assert isinstance(rabbit, RabbitExchange)
    assert (rabbit.servers, rabbit.tls) == ((Address("a", 5671), Address("b", 1)), Tls())
    assert (rabbit.virtual_host, rabbit.exchange, rabbit.declares) == ("shop/one", "x", False)
    stream = parse_sink("nats://a?stream=s&subject=a.b&create=on&replicas=3&keep_hours=0").target
    assert isinstance(stream, NatsStream)
    assert (stream.stream, stream.subject, stream.creates, stream.replicas, stream.keep_hours) == (
        "s",
        "a.b",
        True,
        3,
        0,
    )
    streams = parse_sink("redis://a;b/?sentinel=main&stream=s&slices=4&maxlen=10&replicas=1").target
    assert isinstance(streams, RedisStreams)
    assert (streams.master, streams.stream, streams.slices, streams.messages_max) == ("main", "s", 4, 10)
    assert (streams.replicas, streams.database) == (1, 0)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("amqp://a?exchange=a/b", "has a wrong exchange"),
        ("amqps://a?tls=off", "is amqps: with tls=off"),
        ("amqp://a?declare=yes", "has a wrong declare: allowed is on or off"),
        ("amqp://a?topic=t", "has an option 'topic'"),
        ("nats://a?stream=a.b", "has a wrong stream"),
        ("nats://a?subject=a..b", "has a wrong subject"),
        ("nats://a?subject=a.*", "has a wrong subject"),
        ("nats://a?replicas=6", "has a wrong replicas: allowed is a whole number from 1 to 5"),
        ("nats://a/stream", "has a path"),
        ("redis://a;b", "names several servers, which are sentinels"),
        ("redis://a/x", "has a wrong database"),
        ("redis://a?stream=a%20b", "has a wrong stream"),
        ("redis://a?slices=0", "has a wrong slices"),
        ("rediss://a?tls=off", "is rediss: with tls=off"),
    ],
)
def test_a_wrong_url_of_a_broker_is_reported(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_sink(text)


@pytest.mark.parametrize("kind", URL_KINDS)
def test_a_comma_in_a_password_is_reported_and_not_shown(kind: str) -> None:
    with pytest.raises(ValueError, match=r"has a sink .*a comma in it as %2C") as raised:
        parse_sinks(f"{kind}://ann:one,two-three@host")
    assert "two-three" not in str(raised.value)
