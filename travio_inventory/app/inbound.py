"""Takes events of other services in, as the settings say: which brokers, what they do to seats, and what is counted."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, assert_never

from travio_inventory.app.assemble import Assembly
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.background import Job
from travio_inventory.app.extras import extra
from travio_inventory.events.inbound.choice import ChosenSource, KafkaSource, RabbitSource, parse_sources
from travio_inventory.events.inbound.delivery import Delivery
from travio_inventory.events.inbound.letters import SourceLetters
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.protocol.inbox import Inbox
from travio_inventory.settings import EventInSettings
from travio_inventory.settings.events_in import organizations_in
from travio_inventory.telemetry.metrics import Figures

if TYPE_CHECKING:
    from travio_inventory.telemetry.tracing import Tracing


class Inbound(NamedTuple):
    """A job for each source by name, and what receives its events."""

    jobs: Mapping[str, Job]
    receptions: Mapping[str, Reception]


def inbound(
    events_in: EventInSettings,
    assembly: Assembly,
    letters: DeadLetters,
    figures: Figures,
    tracing: "Tracing | None" = None,
) -> Inbound:
    """What takes events in. Raises StartFailed if a library or a file is missing."""
    sources = parse_sources(events_in.sources)
    if not sources:
        return Inbound({}, {})
    from travio_inventory.api.inbound.reactions import reactions  # noqa: PLC0415 - imported only where events come in

    sender, takes = assembly.sender, reactions(assembly.inventory, default_plan=events_in.seat_plan)
    if assembly.stock is not None:
        from travio_inventory.api.inbound.stock_reactions import with_stock  # noqa: PLC0415 - see above

        takes = with_stock(takes, assembly.stock)
    reception = Reception(
        Inbox(sender.batches, sender.clock, retention_s=events_in.seconds),
        takes,
        sender.clock,
        organizations=organizations_in(events_in.organizations),
        default=events_in.organization,
    )

    def deliver(name: str) -> Delivery:
        count = partial(figures.add, f"events_in.{name}")
        own = SourceLetters(letters, name, sender.clock)
        delivery = Delivery(
            name,
            reception,
            own,
            waits=sender.waits,
            jitter=sender.random,
            count=count,
            traced=(lambda _, see_through: see_through) if tracing is None else tracing.receiving,
        )
        figures.gauge(f"events_in.{name} waiting", lambda: delivery.waiting)
        return delivery

    jobs = {f"events of {chosen.name}": _job(chosen, deliver(chosen.name)) for chosen in sources}
    return Inbound(jobs, {chosen.name: reception for chosen in sources})


def _job(chosen: ChosenSource, delivery: Delivery) -> Job:
    name, source = chosen
    asked = f"events of {name}"
    try:
        match source:
            case KafkaSource():
                with extra("kafka", asked):
                    import cramjam  # noqa: F401, PLC0415 - the library misses it at the first event that needs it

                    from travio_inventory.events.brokers.kafka import connection_options  # noqa: PLC0415 - see below
                    from travio_inventory.events.inbound import kafka  # noqa: PLC0415 - imported only where it is used

                connection_options(source)
                return kafka.KafkaConsumer(name, source, delivery).run
            case RabbitSource():
                with extra("rabbitmq", asked):
                    from travio_inventory.events.inbound import rabbitmq  # noqa: PLC0415 - see above

                return rabbitmq.RabbitConsumer(name, source, delivery).run
            case _:
                assert_never(source)
    except OSError as failed:
        said = f"{failed.filename}: {failed.strerror}" if failed.filename else f"a file of its TLS is wrong: {failed}"
        raise StartFailed(f"{asked}: {said}: name files that the service may read") from failed
