"""Which brokers events are taken in from, as an operator writes it: a list of URLs, each with a name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from travio_inventory.events.targets import kafka, rabbitmq
from travio_inventory.events.targets.broker_url import BrokerUrl
from travio_inventory.events.targets.kafka import KafkaServers
from travio_inventory.events.targets.rabbitmq import RabbitServers

NONE = "none"
SOURCES_MAX = 8
KAFKA_FORM = "kafka://HOST:PORT;HOST:PORT?topics=TOPIC;TOPIC&group=GROUP"
RABBIT_FORM = "amqp://USER:PASSWORD@HOST:PORT/VHOST?queue=QUEUE&bind=EXCHANGE:KEY"
FORMS = f"none, or a list of sources, each with NAME= before it or named after its kind: {KAFKA_FORM}, {RABBIT_FORM}"
GROUP = "inventory-service"
TOPICS = "travio.catalog;travio.payments"
QUEUE = "inventory-service.events"
MANY = ";"
"""A comma begins the next source."""
NAMES_MAX = 16

_SOURCE = re.compile(r"(?:([a-z][a-z0-9-]{0,31})=)?([a-z]+)://")
_NEXT = re.compile(r",\s*(?=(?:[a-z][a-z0-9-]*=)?[a-z]+://)")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,230}")
_QUEUE = re.compile(r"[A-Za-z0-9._:-]{1,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSource(KafkaServers):
    """Topics, read by all processes of one group. A group that is new begins with the first event that is kept."""

    topics: tuple[str, ...]
    group: str


class Binding(NamedTuple):
    """Events of an exchange with this routing key go to the queue."""

    exchange: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitSource(RabbitServers):
    """A queue, and what it is bound to. `at_once` is how many events are taken at once. If it `declares` the
    queue, that is made durable.
    """

    queue: str
    bindings: tuple[Binding, ...]
    declares: bool
    at_once: int


Source: TypeAlias = KafkaSource | RabbitSource


class ChosenSource(NamedTuple):
    """A source, and its name, by which metrics and log lines call it."""

    name: str
    source: Source


def parse_sources(text: str) -> tuple[ChosenSource, ...]:
    """The sources, none for `none`. Raises ValueError, with what is wrong, without any part of the text that may be a
    secret.
    """
    if text.strip() == NONE:
        return ()
    chosen = tuple(_source(number, part.strip()) for number, part in enumerate(_NEXT.split(text), 1))
    if len({source.name for source in chosen}) < len(chosen):
        raise ValueError("has two sources of one name")
    if len(chosen) > SOURCES_MAX:
        raise ValueError(f"has more than {SOURCES_MAX} sources")
    return chosen


def _source(number: int, text: str) -> ChosenSource:
    begun = _SOURCE.match(text)
    parse = KINDS.get(begun[2]) if begun else None
    if begun is None or parse is None:
        known = ", ".join(f"{each}://" for each in KINDS)
        raise ValueError(f"has a source of no known kind, number {number}: known are {known}")
    name = begun[1] or begun[2]
    try:
        return ChosenSource(name, parse(text[begun.start(2) :]))
    except ValueError as wrong:
        raise ValueError(f"has a source that is wrong: {name} {wrong}") from None


def _parse_kafka(text: str) -> KafkaSource:
    url = BrokerUrl(text, port_default=kafka.PORT)
    made = KafkaSource(
        **kafka.parse_servers(url),
        topics=_names(url.text("topics", TOPICS), "topics", _TOPIC),
        group=url.text("group", GROUP),
    )
    if not _TOPIC.fullmatch(made.group):
        raise ValueError("has a wrong group: up to 230 of a-z, A-Z, 0-9, ., _ and -")
    url.end()
    return made


def _parse_rabbitmq(text: str) -> RabbitSource:
    url = rabbitmq.open_url(text)
    [queue] = _names(url.text("queue", QUEUE), "queue", _QUEUE, most=1)
    bound = url.text("bind", "")
    made = RabbitSource(
        **rabbitmq.parse_servers(text, url),
        queue=queue,
        bindings=tuple(map(_binding, bound.split(MANY))) if bound else (),
        declares=url.switch("declare", default=True),
        at_once=url.number("at_once", 32, least=1, most=1_000),
    )
    url.end(with_path=True)
    return made


def _binding(text: str) -> Binding:
    exchange, colon, key = text.partition(":")
    if not (_QUEUE.fullmatch(exchange) and colon and len(key.encode()) <= 255):
        raise ValueError("has a wrong bind: write EXCHANGE:KEY, several with ; between them")
    return Binding(exchange, key)


def _names(text: str, what: str, form: re.Pattern[str], *, most: int = NAMES_MAX) -> tuple[str, ...]:
    names = tuple(text.split(MANY))
    if not all(form.fullmatch(name) for name in names) or len({*names}) < len(names) or len(names) > most:
        raise ValueError(f"has wrong {what}: at most {most}, different ones, of a-z, A-Z, 0-9, ., _ and -")
    return names


KINDS: Mapping[str, Callable[[str], Source]] = MappingProxyType(
    {"kafka": _parse_kafka, "amqp": _parse_rabbitmq, "amqps": _parse_rabbitmq}
)
"""By scheme, what reads the URL. It raises ValueError, whose message has no part of the text."""
