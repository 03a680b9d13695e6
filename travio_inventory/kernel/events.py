"""An event as it is handed to others: an envelope that is the same whatever happened, and data of its type."""

from dataclasses import dataclass
from typing import NamedTuple

from travio_inventory.kernel.actor import ActorKind


class Step(NamedTuple):
    """What is told of one step, as who takes it describes it. `ordinal` counts the steps of the same subject from 0."""

    ordinal: int
    type: str
    version: int
    actor: ActorKind
    data: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `id` is the same however often the event is handed over; `at_ms` is Unix time.

    `subject` names what it is about, and `ordinal` counts the subject's events from 0: those of one subject come in
    this order. `partition_key` is shared by all that should stay in one partition of a broker. `data` is a JSON
    object; what is in it, `type` and `version` say.
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
