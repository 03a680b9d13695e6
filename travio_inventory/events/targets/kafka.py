"""A sink of Kafka, as an operator writes it: `kafka://HOST:PORT;HOST:PORT?topic=TOPIC&shape=SHAPE`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, Login, Tls
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.key_files import FileVersion

PORT = 9092
FORM = "kafka://HOST:PORT;HOST:PORT?topic=TOPIC&shape=SHAPE"
TOPICS = {
    Shape.NATIVE: "travio.inventory.events",
    Shape.CLOUDEVENTS: "travio.inventory.events",
    Shape.TRIPS: "travio.inventory",
    Shape.SHOWTIMES: "inventory.events",
    Shape.STOCK: "inventory.events",
}
"""Where events go unless the operator names a topic."""

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class Sasl(StrEnum):
    """How a user says its password."""

    SCRAM_512 = "scram-sha-512"
    SCRAM_256 = "scram-sha-256"
    PLAIN = "plain"


class Compression(StrEnum):
    """What batches are compressed with."""

    NONE = "none"
    GZIP = "gzip"


class KafkaParts(TypedDict):
    """The fields of KafkaServers."""

    servers: tuple[Address, ...]
    login: Login | None
    sasl: Sasl
    tls: Tls | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaServers:
    """How Kafka is reached."""

    servers: tuple[Address, ...]
    login: Login | None
    sasl: Sasl
    tls: Tls | None

    def versions(self) -> tuple[FileVersion, ...]:
        """What changes when a file of the login or of TLS is renewed."""
        return tuple(version for of in (self.login, self.tls) if of for version in of.versions())


def parse_servers(url: BrokerUrl) -> KafkaParts:
    """What the URL says of them. Raises ValueError."""
    return KafkaParts(servers=url.servers, login=url.login(), sasl=url.word("sasl", Sasl.SCRAM_512), tls=url.tls())


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTopic(KafkaServers):
    """The topic, how to reach it, and what it gets. One call to publish takes at most `publish_seconds_max`; a message
    is at most `message_bytes_max` long.
    """

    topic: str
    shape: Shape
    compression: Compression
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"topic {self.topic} at {', '.join(map(str, self.servers))}"


def parse_kafka(text: str) -> KafkaTopic:
    """What the URL says. Raises ValueError."""
    url = BrokerUrl(text, port_default=PORT)
    shape = url.word("shape", Shape.NATIVE)
    topic = url.text("topic", TOPICS[shape])
    if not _TOPIC.fullmatch(topic) or topic in {".", ".."}:
        raise ValueError("has a wrong topic: up to 249 of a-z, A-Z, 0-9, ., _ and -")
    made = KafkaTopic(
        **parse_servers(url),
        topic=topic,
        shape=shape,
        compression=url.word("compression", Compression.NONE),
        publish_seconds_max=url.number("publish_seconds_max", 10, least=1, most=60),
        message_bytes_max=url.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    url.end()
    return made
