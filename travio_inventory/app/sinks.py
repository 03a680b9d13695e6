"""Opens the sinks of events, as the settings name them; the library of a broker is imported only where it is one."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.extras import extra
from travio_inventory.events.choice import NONE, ChosenSink, Target, parse_sinks
from travio_inventory.events.sinks.broker import Broker
from travio_inventory.events.sinks.dead_letters import SinkLetters
from travio_inventory.events.sinks.in_process import InProcess
from travio_inventory.events.sinks.json_lines import JsonLines
from travio_inventory.events.targets.files import JsonLinesFile
from travio_inventory.events.targets.kafka import KafkaTopic
from travio_inventory.events.targets.nats import NatsStream
from travio_inventory.events.targets.rabbitmq import RabbitExchange
from travio_inventory.events.targets.redis_stream import RedisStreams
from travio_inventory.events.targets.webhook import WebhookUrl
from travio_inventory.kernel.events import Sink
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.settings import EventSettings

if TYPE_CHECKING:
    from travio_inventory.events.sinks.webhook import Letters, Webhook

EXAMPLE = "json-lines:/FOLDER/events.jsonl"


@asynccontextmanager
async def open_sinks(events: EventSettings, folder: Path, letters: DeadLetters) -> AsyncIterator[Mapping[str, Sink]]:
    """The sinks by name. Without any, events are still read, so that lists of holds are complete. A broker that is away
    stops no start. Raises StartFailed.
    """
    async with AsyncExitStack() as stack:
        sinks = {
            chosen.name: await stack.enter_async_context(open_sink(chosen, folder, letters))
            for chosen in parse_sinks(events.sinks)
        }
        yield sinks or {NONE: InProcess()}


@asynccontextmanager
async def open_sink(chosen: ChosenSink, folder: Path, letters: DeadLetters) -> AsyncIterator[Sink]:
    """One sink. Raises StartFailed if a file or a library that it needs is missing."""
    target: Target = chosen.target
    match target:
        case JsonLinesFile(file=file):
            with _json_lines(folder / file) as lines:
                yield lines
        case KafkaTopic():
            with extra("kafka", f"events for {chosen.name}"), _files(chosen.name):
                from travio_inventory.events.sinks.kafka import Kafka  # noqa: PLC0415 - imported only where it is used

                kafka = Kafka(target)
            async with kafka:
                yield kafka
        case RabbitExchange() | NatsStream() | RedisStreams():
            with _files(chosen.name):
                broker = _broker(target, chosen.name)
            async with broker:
                yield broker
        case WebhookUrl():
            async with open_webhook(target, chosen.name, SinkLetters(letters, chosen.name)) as webhook:
                yield webhook
        case _:
            assert_never(target)


def open_webhook(target: WebhookUrl, sink: str, letters: "Letters") -> "Webhook":
    """The sink; no request is made yet. Raises StartFailed."""
    from travio_inventory.events.sinks.webhook import Webhook  # noqa: PLC0415 - imported only where it is used

    with _files(sink):
        try:
            return Webhook(target, letters)
        except ValueError as wrong:
            raise StartFailed(f"events for {sink}: {target.secrets.path} {wrong}") from wrong


def _broker(target: RabbitExchange | NatsStream | RedisStreams, sink: str) -> Broker:
    """The sink, not yet connected; a library is imported only where it is used. Raises StartFailed, and OSError for a
    file that cannot be read.
    """
    if target.login is not None:
        target.login.secret()
    if target.tls is not None:
        target.tls.context()
    match target:
        case RabbitExchange():
            with extra("rabbitmq", f"events for {sink}"):
                from travio_inventory.events.sinks.rabbitmq import rabbitmq  # noqa: PLC0415 - see above
            return rabbitmq(target)
        case NatsStream():
            with extra("nats", f"events for {sink}"):
                from travio_inventory.events.sinks.nats import nats_stream  # noqa: PLC0415 - see above
            return nats_stream(target)
        case RedisStreams():
            from travio_inventory.events.sinks.redis_streams import redis_streams  # noqa: PLC0415 - see above

            return redis_streams(target)
        case _:
            assert_never(target)


@contextmanager
def _files(sink: str) -> Iterator[None]:
    """Say which file of the sink cannot be read."""
    try:
        yield
    except OSError as failed:
        said = f"{failed.filename}: {failed.strerror}" if failed.filename else f"a file of its TLS is wrong: {failed}"
        raise StartFailed(f"events for {sink}: {said}: name files that the service may read") from failed


@contextmanager
def _json_lines(file: Path) -> Iterator[JsonLines]:
    with closing(JsonLines(file)) as lines:
        try:
            lines.check()
        except OSError as failed:
            said = f"events cannot be written to {file.absolute()}: {failed.strerror or failed}"
            raise StartFailed(
                f"{said}: name a file that the service may write, as in TRAVIO_EVENTS={EXAMPLE}"
            ) from failed
        yield lines
