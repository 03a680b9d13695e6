"""Which sinks events go to, as an operator writes it: a list of names, which keep the position of each."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets import kafka, nats, rabbitmq, redis_stream, webhook
from travio_inventory.events.targets.files import JsonLinesFile, parse_json_lines
from travio_inventory.events.targets.kafka import KafkaTopic, parse_kafka
from travio_inventory.events.targets.nats import NatsStream, parse_nats
from travio_inventory.events.targets.rabbitmq import RabbitExchange, parse_rabbitmq
from travio_inventory.events.targets.redis_stream import RedisStreams, parse_redis_streams
from travio_inventory.events.targets.webhook import WebhookUrl, parse_webhook

JSON_LINES = "json-lines"
NONE = "none"
SINKS_MAX = 8
FORMS = (
    "none, or a list of sinks, each with NAME= before it or named after its kind: json-lines:FILE, "
    f"{kafka.FORM}, {rabbitmq.FORM}, {nats.FORM}, {redis_stream.FORM}, {webhook.FORM}"
)

Target: TypeAlias = JsonLinesFile | KafkaTopic | RabbitExchange | NatsStream | RedisStreams | WebhookUrl
"""What a sink is. `app/sinks.py` opens each kind."""

FILE_KINDS: Mapping[str, Callable[[str], Target]] = MappingProxyType({JSON_LINES: parse_json_lines})
"""Written as `KIND:FILE`. By kind, what reads the rest. It raises ValueError, whose message goes on after "the sink"
and has no part of the text, which may be a secret.
"""
URL_KINDS: Mapping[str, Callable[[str], Target]] = MappingProxyType(
    {
        "kafka": parse_kafka,
        "amqp": parse_rabbitmq,
        "amqps": parse_rabbitmq,
        "nats": parse_nats,
        "redis": parse_redis_streams,
        "rediss": parse_redis_streams,
        "http": parse_webhook,
        "https": parse_webhook,
    }
)
"""Written as `KIND://...`."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class ChosenSink(NamedTuple):
    """A sink, and the name that keeps its position."""

    name: str
    target: Target

    @property
    def shape(self) -> Shape:
        """What a message of it is; a line of a file is the event as it is."""
        return Shape.NATIVE if isinstance(self.target, JsonLinesFile) else self.target.shape

    @property
    def is_shared(self) -> bool:
        """Whether several processes may publish to it at once: not to a file, nor to a webhook, which gets one event of
        a trip after the other.
        """
        return not isinstance(self.target, JsonLinesFile | WebhookUrl)


def parse_sinks(text: str) -> tuple[ChosenSink, ...]:
    """The sinks, none for `none`. A sink is named after its kind unless it has a name, which stays the same when the
    rest changes. Raises ValueError, with what is wrong, without any part of the text that may be a secret.
    """
    if text.strip() == NONE:
        return ()
    chosen = tuple(_sink(number, part.strip()) for number, part in enumerate(text.split(","), 1))
    for sinks in ([sink.name for sink in chosen], [sink.target.place for sink in chosen]):
        if len(set(sinks)) < len(sinks):
            twice = next(sink for sink in sinks if sinks.count(sink) > 1)
            raise ValueError(f"has two sinks of one {'name' if twice in dict(chosen) else 'place'}, {twice}")
    if len(chosen) > SINKS_MAX:
        raise ValueError(f"has more than {SINKS_MAX} sinks")
    return chosen


def parse_sink(text: str) -> ChosenSink:
    """One sink. Raises ValueError, as `parse_sinks` does."""
    return _sink(1, text.strip())


def _sink(number: int, text: str) -> ChosenSink:
    head, colon, rest = text.partition(":")
    named, is_named, kind = head.rpartition("=")
    is_url = rest.startswith("//")
    parse = (URL_KINDS if is_url else FILE_KINDS).get(kind)
    if parse is None:
        known = ", ".join([*FILE_KINDS, *(f"{each}://" for each in URL_KINDS)])
        raise ValueError(f"has a sink of no known kind, number {number}: known are {known}")
    name = named if is_named else kind
    if not _NAME.fullmatch(name):
        raise ValueError(f"has a sink named {name!r}: a name is up to 32 of a-z, 0-9 and -, and begins with a letter")
    try:
        return ChosenSink(name, parse(f"{kind}{colon}{rest}"))
    except ValueError as wrong:
        raise ValueError(f"has a sink that is wrong: {name} {wrong}") from None
