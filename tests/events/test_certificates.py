"""Brokers that take TLS only: events reach the one whose certificate is verified, and none that anybody else made."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import aio_pika
import pytest

from tests.events.brokers import AT_ONCE_S
from tests.events.events import event
from travio_inventory.events.sinks.broker import Broker
from travio_inventory.events.sinks.nats import nats_stream
from travio_inventory.events.sinks.rabbitmq import rabbitmq
from travio_inventory.events.sinks.redis_streams import redis_streams
from travio_inventory.events.targets.nats import parse_nats
from travio_inventory.events.targets.rabbitmq import parse_rabbitmq
from travio_inventory.events.targets.redis_stream import parse_redis_streams
from travio_inventory.kernel.events import PublishFailed
from verification.servers.certificates import Certificates, make_certificates
from verification.servers.fixtures import need
from verification.servers.nats import nats_server
from verification.servers.rabbitmq import rabbit_server
from verification.servers.redis import Protection, redis_server

OPTIONS = "publish_seconds_max=20&tls=on&ca_file="
"""And who is trusted."""

Trusting: TypeAlias = Callable[[Path], Broker]


@contextmanager
def protected_nats(folder: Path, certificates: Certificates) -> Iterator[Trusting]:
    """A sink, by the authority that it trusts."""
    with nats_server(folder, certificates) as server:
        place = f"nats://{server.url.partition('://')[2]}?stream=events&subject=events&create=on"
        yield lambda authority: nats_stream(parse_nats(f"{place}&{OPTIONS}{authority}"), reconnect_s=AT_ONCE_S)


@contextmanager
def protected_redis(folder: Path, certificates: Certificates) -> Iterator[Trusting]:
    """The same."""
    with redis_server(folder, Protection(certificates=certificates)) as server:
        place = f"rediss://{server.address}/0?stream=events"
        yield lambda authority: redis_streams(
            parse_redis_streams(f"{place}&{OPTIONS}{authority}"), reconnect_s=AT_ONCE_S
        )


def two_authorities(folder: Path) -> tuple[Certificates, Certificates]:
    """Certificates of ours, and of somebody else."""
    (folder / "others").mkdir()
    return make_certificates(folder), make_certificates(folder / "others")


Protected: TypeAlias = Callable[[Path, Certificates], AbstractContextManager[Trusting]]


@pytest.mark.parametrize(
    ("kind", "protected"),
    [
        pytest.param("nats", protected_nats, id="nats", marks=pytest.mark.nats),
        pytest.param("redis", protected_redis, id="redis", marks=pytest.mark.redis),
    ],
)
async def test_events_reach_a_broker_whose_certificate_is_verified(
    kind: str, protected: Protected, tmp_path: Path
) -> None:
    need(kind)
    made, others = two_authorities(tmp_path)
    with protected(tmp_path, made) as trusting:
        async with trusting(others.authority) as sink:
            with pytest.raises(PublishFailed):
                await sink.publish([event("1")])
        async with trusting(made.authority) as sink:
            await sink.publish([event("1")])


@pytest.mark.rabbitmq
async def test_rabbitmq_tells_over_tls_which_events_reached_a_queue(tmp_path: Path) -> None:
    need("rabbitmq")
    made, others = two_authorities(tmp_path)
    with rabbit_server(tmp_path, made) as server:
        place = f"{server.url}?exchange=events&{OPTIONS}"
        async with rabbitmq(parse_rabbitmq(f"{place}{others.authority}"), reconnect_s=AT_ONCE_S) as sink:
            with pytest.raises(PublishFailed):
                await sink.publish([event("1")])
        trusted = ssl.create_default_context(cafile=made.authority)
        async with (
            rabbitmq(parse_rabbitmq(f"{place}{made.authority}"), reconnect_s=AT_ONCE_S) as sink,
            await aio_pika.connect(server.url, ssl_context=trusted) as connection,
        ):
            with pytest.raises(PublishFailed, match="reached no queue"):
                await sink.publish([event("1")])
            queue = await (await connection.channel()).declare_queue("told", durable=True)
            await queue.bind("events", "#")
            await sink.publish([event("1")])
            message = await queue.get()
            assert message.message_id == "1"
