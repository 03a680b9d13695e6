"""An event as it is published: the same envelope for all, and data by type."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.quick import quick


class Step(NamedTuple):
    """What a step publishes. `ordinal` counts the steps of the same subject from 0."""

    ordinal: int
    type: str
    version: int
    actor: ActorKind
    data: str


@quick
@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `id` stays the same if the event is published again; `at_ms` is Unix time.

    `subject` names what it is about, and `ordinal` counts the subject's events from 0: a subject's events are published
    in this order. Events with the same `partition_key` belong in one partition of a broker. `data` is a JSON object;
    `type` and `version` define its fields. `traceparent` and `tracestate` are the trace of the call that did it, as W3C
    Trace Context writes them, empty where it was in none.
    """

    id: str
    type: str
    version: int
    at_ms: int
    actor: ActorKind
    organization: str
    subject: str
    ordinal: int
    partition_key: str
    data: str
    traceparent: str = ""
    tracestate: str = ""


class Sink(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Hand the events over, in order; returns once they are safe there. Raises PublishFailed."""
        ...


class PublishFailed(Exception):
    """The events were not handed over, or perhaps only in part: hand them over again, but for those whose ids are in
    `accepted`, which are safe there.
    """

    def __init__(self, why: str, accepted: Iterable[str] = ()) -> None:
        super().__init__(why)
        self.accepted = frozenset(accepted)


class PublishRefused(PublishFailed):
    """All events are safe there, but for those in `refused`, by id with the reason: each was refused by itself, or
    follows a refused one of its subject.
    """

    def __init__(self, refused: Mapping[str, str], accepted: Iterable[str]) -> None:
        first, others = next(iter(refused.values())), len(refused) - 1
        super().__init__(f"{first} (and {others} more events)" if others else first, accepted)
        self.refused = refused


class SinkDown(PublishFailed):
    """The sink takes nothing for now: asking it for a part of the events is of no use. Those in `accepted` are safe."""
