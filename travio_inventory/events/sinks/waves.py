"""Cuts events into waves: what may be on its way to a broker at once, so that a refusal lets nothing overtake."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.events.shapes import ToMessages
from travio_inventory.events.shapes.message import Message
from travio_inventory.kernel.events import Event

BEHIND = "the event before it was refused"


class Shaped(NamedTuple):
    """An event, and the messages that carry it."""

    event: Event
    messages: tuple[Message, ...]


def shaped(events: Sequence[Event], to_messages: ToMessages, *, bytes_max: int) -> tuple[list[Shaped], dict[str, str]]:
    """The events with their messages; and those that have no shape, or a message that is too long, with those that
    follow them, by id with the reason.
    """
    made: list[Shaped] = []
    refused: dict[str, str] = {}
    stopped: set[str] = set()
    for event in events:
        messages: tuple[Message, ...] = ()
        wrong = BEHIND if event.subject in stopped else None
        if wrong is None:
            try:
                messages = to_messages(event)
            except ValueError as failed:
                wrong = f"{event.type}: {failed}"
        longest = max((len(message.body) for message in messages), default=0)
        if longest > bytes_max:
            wrong = f"{event.type} of {longest} bytes: at most {bytes_max} are allowed"
        if wrong is None:
            made.append(Shaped(event, messages))
        else:
            refused[event.id] = wrong
            stopped.add(event.subject)
    return made, refused


def in_waves(events: Sequence[Shaped], *, events_max: int, is_atomic: bool = False) -> list[Sequence[Shaped]]:
    """The events in waves of at most `events_max`. The waves keep the order of each partition key, and none has two
    events of one subject, unless each `is_atomic`: taken as a whole or not at all.
    """
    if is_atomic:
        return [events[start : start + events_max] for start in range(0, len(events), events_max)]
    waves: list[list[Shaped]] = []
    wave_of: dict[str, int] = {}
    met: dict[str, set[str]] = {}
    for one in events:
        key, subject = one.event.partition_key, one.event.subject
        wave, subjects = wave_of.get(key, 0), met.setdefault(key, set())
        if subject in subjects:
            wave += 1
            subjects.clear()
        while wave < len(waves) and len(waves[wave]) >= events_max:
            wave += 1
            subjects.clear()
        if wave == len(waves):
            waves.append([])
        waves[wave].append(one)
        wave_of[key] = wave
        subjects.add(subject)
    return [*waves]
