"""A sink of RabbitMQ, as an operator writes it: `amqp://USER@HOST:PORT/VHOST?exchange=NAME&shape=SHAPE`."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, Login, Tls
from travio_inventory.kernel.addresses import Address

PORT = 5672
TLS_PORT = 5671
FORM = "amqp://HOST:PORT/VHOST?exchange=NAME&shape=SHAPE"
EXCHANGE = "inventory.events"

_NAME = re.compile(r"[A-Za-z0-9._:-]{1,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitExchange:
    """The topic exchange, how to reach it, and what it gets. If it `declares` the exchange, it is made durable. One
    call to publish takes at most `publish_seconds_max`; a message is at most `message_bytes_max` long.
    """

    servers: tuple[Address, ...]
    virtual_host: str
    exchange: str
    declares: bool
    shape: Shape
    login: Login | None
    tls: Tls | None
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"exchange {self.exchange} of {self.virtual_host} at {', '.join(map(str, self.servers))}"


def parse_rabbitmq(text: str) -> RabbitExchange:
    """What the URL says. Raises ValueError."""
    is_secure = text.startswith("amqps:")
    url = BrokerUrl(text, port_default=TLS_PORT if is_secure else PORT, tls_default=is_secure)
    exchange = url.text("exchange", EXCHANGE)
    if not _NAME.fullmatch(exchange):
        raise ValueError("has a wrong exchange: up to 127 of a-z, A-Z, 0-9, ., _, : and -")
    tls = url.tls()
    if is_secure and tls is None:
        raise ValueError("is amqps: with tls=off")
    made = RabbitExchange(
        servers=url.servers,
        virtual_host=unquote(url.path) or "/",
        exchange=exchange,
        declares=url.switch("declare", default=True),
        shape=url.word("shape", Shape.NATIVE),
        login=url.login(),
        tls=tls,
        publish_seconds_max=url.number("publish_seconds_max", 10, least=1, most=60),
        message_bytes_max=url.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    url.end(with_path=True)
    return made
