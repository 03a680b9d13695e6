"""A sink of RabbitMQ, as an operator writes it: `amqp://USER@HOST:PORT/VHOST?exchange=NAME&shape=SHAPE`."""

import re
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import unquote

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, Login, Tls
from travio_inventory.kernel.addresses import Address

PORT = 5672
TLS_PORT = 5671
SECURE = "amqps:"
FORM = "amqp://HOST:PORT/VHOST?exchange=NAME&shape=SHAPE"
EXCHANGE = "inventory.events"

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,127}")


class RabbitParts(TypedDict):
    """The fields of RabbitServers."""

    servers: tuple[Address, ...]
    virtual_host: str
    login: Login | None
    tls: Tls | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitServers:
    """How RabbitMQ is reached."""

    servers: tuple[Address, ...]
    virtual_host: str
    login: Login | None
    tls: Tls | None


def open_url(text: str) -> BrokerUrl:
    """The parts of `amqp://` or `amqps://`. Raises ValueError."""
    is_secure = text.startswith(SECURE)
    return BrokerUrl(text, port_default=TLS_PORT if is_secure else PORT, tls_default=is_secure)


def parse_servers(text: str, url: BrokerUrl) -> RabbitParts:
    """What the URL says of them. Raises ValueError."""
    made = RabbitParts(servers=url.servers, virtual_host=unquote(url.path) or "/", login=url.login(), tls=url.tls())
    if text.startswith(SECURE) and made["tls"] is None:
        raise ValueError("is amqps: with tls=off")
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitExchange(RabbitServers):
    """The topic exchange, how to reach it, and what it gets. If it `declares` the exchange, it is made durable. One
    call to publish takes at most `publish_seconds_max`; a message is at most `message_bytes_max` long.
    """

    exchange: str
    declares: bool
    shape: Shape
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"exchange {self.exchange} of {self.virtual_host} at {', '.join(map(str, self.servers))}"


def parse_rabbitmq(text: str) -> RabbitExchange:
    """What the URL says. Raises ValueError."""
    url = open_url(text)
    exchange = url.text("exchange", EXCHANGE)
    if not _NAME.fullmatch(exchange):
        raise ValueError("has a wrong exchange: up to 127 of a-z, A-Z, 0-9, ., _, : and -")
    made = RabbitExchange(
        **parse_servers(text, url),
        exchange=exchange,
        declares=url.switch("declare", default=True),
        shape=url.word("shape", Shape.NATIVE),
        publish_seconds_max=url.number("publish_seconds_max", 10, least=1, most=60),
        message_bytes_max=url.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    url.end(with_path=True)
    return made
