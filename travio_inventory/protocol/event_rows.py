"""The event rows of a partition, written and read: the outbox that every step writes into its own batch.

A row's id orders a partition's events by epoch and time, its `ordinal` those of one subject. It says where the event
before it of its subject is, so that a gap is seen. Nothing here knows what happened: `data` is passed on as it is.
"""

from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, Step
from travio_inventory.kernel.trace_context import CURRENT
from travio_inventory.protocol.batches import Kind, Partition, Row, RowKey, Value, Write
from travio_inventory.protocol.hold import Recorded, base_id
from travio_inventory.protocol.resource import Hold
from travio_inventory.protocol.rows import number, text


def event_of(hold: Hold, step: Step, place: Recorded) -> Write:
    """The event of the step that brings the hold to its state, recorded at that place. Until the step is committed,
    `hold.recorded` is the place of the event before it.
    """
    return event_row(base_id(hold.id), step, place, hold.recorded)


def only_event(subject: str, kind: str, version: int, actor: ActorKind, data: str, place: Recorded) -> Write:
    """The one event of a subject that is no hold."""
    return event_row(subject, Step(0, kind, version, actor, data), place, Recorded(0, 0))


def event_row(subject: str, step: Step, place: Recorded, before: Recorded) -> Write:
    """The event of the subject's step, recorded at that place, whose event before it is there. It is in the trace of
    the moment.
    """
    values: dict[str, Value] = {
        "type": step.type,
        "version": step.version,
        "at_ms": place.at_ms,
        "actor": str(step.actor),
        "subject": subject,
        "ordinal": step.ordinal,
        "previous_epoch": before.epoch,
        "previous_at_ms": before.at_ms,
        "data": step.data,
    }
    trace = CURRENT.get()
    if trace is not None:
        values["trace"] = f"{trace} {trace.state}" if trace.state else str(trace)
    return Write(key_of(subject, step.ordinal, place), {}, values)


def key_of(subject: str, ordinal: int, place: Recorded) -> RowKey:
    """The row of the subject's event."""
    return RowKey(Kind.EVENT, f"{id_from(*place)}~{subject}~{ordinal}")


def id_from(epoch: int, at_ms: int = 0) -> str:
    """The least event row id of that epoch, from that moment on."""
    return f"{epoch:010d}~{max(at_ms, 0):015d}"


def epoch_of(key: RowKey) -> int:
    """The epoch in which the event was recorded."""
    return int(key.id.split("~", 1)[0])


def named_in(row_id: str) -> tuple[str, int]:
    """The subject and the ordinal of the event. Raises ValueError if it is not an event's row id."""
    _, _, name = row_id.split("~", 2)
    subject, _, ordinal = name.rpartition("~")
    return subject, int(ordinal)


def subject_of(row: Row) -> str:
    """What the event is about."""
    return text(row, "subject")


def ordinal_of(row: Row) -> int:
    """Which of its subject's events it is, from 0."""
    return number(row, "ordinal")


def turn_of(row: Row) -> tuple[str, int]:
    """The order in which events are told: those of a subject one after the other."""
    return subject_of(row), ordinal_of(row)


def before(row: Row) -> RowKey:
    """The row of the event before this one of the same subject."""
    place = Recorded(number(row, "previous_epoch"), number(row, "previous_at_ms"))
    return key_of(subject_of(row), ordinal_of(row) - 1, place)


def stable_id(row: Row) -> str:
    """The event's public id: the same each time that the same step is published."""
    return id_of(subject_of(row), ordinal_of(row))


def id_of(subject: str, ordinal: int) -> str:
    """The public id of a subject's event."""
    return f"{subject}~{ordinal}"


def read_event(partition: Partition, row: Row) -> Event:
    """The event in a row of the partition. Raises ValueError if there is none."""
    kind, data, subject, ordinal = text(row, "type"), text(row, "data"), subject_of(row), ordinal_of(row)
    if not (kind and data and subject):
        raise ValueError("an event without type, subject or data")
    traceparent, _, tracestate = text(row, "trace").partition(" ")
    return Event(
        id=id_of(subject, ordinal),
        type=kind,
        version=number(row, "version"),
        at_ms=number(row, "at_ms"),
        actor=ActorKind(text(row, "actor")),
        organization=partition.organization,
        subject=subject,
        ordinal=ordinal,
        partition_key=partition.name,
        data=data,
        traceparent=traceparent,
        tracestate=tracestate,
    )
