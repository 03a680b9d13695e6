"""Brokers that show a certificate, want one, and want a password: events go to the right one, by the right one only."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import TypeAlias

import pytest

from tests.events.brokers import AT_ONCE_S
from tests.events.events import event
from travio_inventory.events.sinks.kafka import Kafka
from travio_inventory.events.sinks.nats import nats_stream
from travio_inventory.events.sinks.rabbitmq import rabbitmq
from travio_inventory.events.sinks.redis_streams import redis_streams
from travio_inventory.events.targets.kafka import parse_kafka
from travio_inventory.events.targets.nats import parse_nats
from travio_inventory.events.targets.rabbitmq import parse_rabbitmq
from travio_inventory.events.targets.redis_stream import parse_redis_streams
from travio_inventory.kernel.events import PublishRefused, Sink, SinkDown
from verification.servers.certificates import Certificates, make_certificates
from verification.servers.fixtures import need
from verification.servers.kafka import Account as KafkaAccount
from verification.servers.kafka import Protection as KafkaProtection
from verification.servers.kafka import kafka as kafka_server
from verification.servers.nats import USER as NATS_USER
from verification.servers.nats import nats_server
from verification.servers.rabbitmq import USER as RABBIT_USER
from verification.servers.rabbitmq import rabbit_server
from verification.servers.redis import Account, Protection, redis_server

SHOWN, NOT_SHOWN = "127.0.0.1", "localhost"
"""The server's only name in its certificate, and another way to it."""

Begin: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Sink]]
"""A sink by the host and the options, at a server of its own."""


@contextmanager
def kafka(folder: Path, made: Certificates, secret: Path) -> Iterator[Begin]:
    account = KafkaAccount(name="ann")
    with kafka_server(folder, KafkaProtection(certificates=made, account=account), makes_topics=True) as node:
        secret.write_text(account.password)
        yield lambda host, more: Kafka(parse_kafka(f"kafka://ann@{host}:{node.port}?topic=t&{more}"))


@contextmanager
def rabbit(folder: Path, made: Certificates, secret: Path) -> Iterator[Begin]:
    with rabbit_server(folder, made) as node:
        secret.write_text(node.password)
        place = f"{node.port}/?exchange=e"
        yield lambda host, more: rabbitmq(
            parse_rabbitmq(f"amqps://{RABBIT_USER}@{host}:{place}&{more}"), reconnect_s=AT_ONCE_S
        )


@contextmanager
def nats(folder: Path, made: Certificates, secret: Path) -> Iterator[Begin]:
    with nats_server(folder, made) as node:
        secret.write_text(node.password)
        place = f"{node.port}?stream=s&subject=s&create=on"
        yield lambda host, more: nats_stream(
            parse_nats(f"nats://{NATS_USER}@{host}:{place}&{more}"), reconnect_s=AT_ONCE_S
        )


@contextmanager
def redis(folder: Path, made: Certificates, secret: Path) -> Iterator[Begin]:
    account = Account(name="ann", password=token_hex(16))
    with redis_server(folder, Protection(certificates=made, account=account)) as node:
        secret.write_text(account.password)
        yield lambda host, more: redis_streams(
            parse_redis_streams(f"rediss://ann@{host}:{node.port}/0?stream=s&{more}"), reconnect_s=AT_ONCE_S
        )


async def reaches(begun: AbstractAsyncContextManager[Sink]) -> bool:
    """Whether the broker answers; it may have no queue for an event."""
    async with begun as sink:
        try:
            await sink.publish([event("1")])
        except PublishRefused:
            return True
        except SinkDown:
            return False
        return True


@pytest.mark.parametrize(
    ("kind", "serve"),
    [
        pytest.param("kafka", kafka, id="kafka", marks=pytest.mark.kafka),
        pytest.param("rabbitmq", rabbit, id="rabbitmq", marks=pytest.mark.rabbitmq),
        pytest.param("nats", nats, id="nats", marks=pytest.mark.nats),
        pytest.param("redis", redis, id="redis", marks=pytest.mark.redis),
    ],
)
async def test_events_go_to_the_broker_that_is_meant_and_by_whom_it_knows(
    kind: str,
    serve: Callable[[Path, Certificates, Path], AbstractContextManager[Begin]],
    tmp_path: Path,
) -> None:
    """It shows who it is, and admits who shows a certificate of the same authority and says the password."""
    need(kind)
    (tmp_path / "others").mkdir()
    others = make_certificates(tmp_path / "others")
    made = replace(make_certificates(tmp_path, names=f"IP:{SHOWN}"), of_clients=True)
    secret = tmp_path / "password"

    def options(trusts: Certificates, shows: Certificates | None) -> str:
        files = f"&cert_file={shows.certificate}&key_file={shows.key}" if shows else ""
        return f"publish_seconds_max=6&password_file={secret}&tls=on&ca_file={trusts.authority}{files}"

    with serve(tmp_path, made, secret) as begin:
        assert await reaches(begin(SHOWN, options(made, made)))
        assert not await reaches(begin(NOT_SHOWN, options(made, made)))
        assert not await reaches(begin(SHOWN, options(others, made)))
        assert not await reaches(begin(SHOWN, options(made, None)))
        assert not await reaches(begin(SHOWN, options(made, others)))
        secret.write_text("another")
        assert not await reaches(begin(SHOWN, options(made, made)))
