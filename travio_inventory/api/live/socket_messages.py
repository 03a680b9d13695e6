"""What watchers say on a WebSocket: who they are, and what they want to watch or no more."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from travio_inventory.api.live.watched_parts import WatchedPart
from travio_inventory.kernel.json_members import NamedTwice, members_once
from travio_inventory.seats.trip import Ends

CHARS_MAX: Final = 4_096


class BadSocketMessage(Exception):
    """The message cannot be understood; its text says why."""


class Watched(NamedTuple):
    """What is watched, and in which shape it is told."""

    part: WatchedPart
    is_showtime: bool

    @property
    def named(self) -> dict[str, str]:
        """As the watcher named it."""
        if self.is_showtime:
            return {"showtimeId": self.part.trip}
        trip, ends, section = self.part
        told = {"tripId": trip, "from": ends.origin, "to": ends.destination, "section": section}
        return {name: value for name, value in told.items() if value}


class Authenticate(NamedTuple):
    """Who it is."""

    token: str


class Subscribe(NamedTuple):
    """Watch that from now on, or from the position of an earlier message."""

    watched: Watched
    position: str = ""


class Unsubscribe(NamedTuple):
    """Watch that no more."""

    watched: Watched


SocketMessage: TypeAlias = Authenticate | Subscribe | Unsubscribe


def read_message(text: str) -> SocketMessage:
    """Raises BadSocketMessage."""
    if len(text) > CHARS_MAX:
        raise BadSocketMessage(f"a message may have {CHARS_MAX} characters")
    try:
        said = json.loads(text, object_pairs_hook=members_once)
    except NamedTwice as twice:
        raise BadSocketMessage(str(twice)) from None
    except (ValueError, RecursionError):
        raise BadSocketMessage("a message must be JSON") from None
    if not isinstance(said, dict) or any(not isinstance(value, str) for value in said.values()):
        raise BadSocketMessage("a message must be an object of texts")
    if not all(_is_text(value) for value in said.values()):
        raise BadSocketMessage("a text must not have halves of surrogate pairs")
    return _read(said)


def _is_text(value: str) -> bool:
    """Whether an answer can repeat it: JSON can name what UTF-8 cannot have."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def watched_in(said: Mapping[str, Any]) -> Watched | None:
    """What the message, or the query of an address, names: a showtime, or a part of a trip."""
    if showtime := said.get("showtimeId", ""):
        return Watched(WatchedPart(showtime, Ends("", "")), is_showtime=True)
    if trip := said.get("tripId", ""):
        ends = Ends(said.get("from", ""), said.get("to", ""))
        return Watched(WatchedPart(trip, ends, said.get("section", "")), is_showtime=False)
    return None


def _read(said: Mapping[str, str]) -> SocketMessage:
    kind = said.get("type")
    if kind == "authenticate":
        return Authenticate(said.get("token", ""))
    if kind not in ("subscribe", "unsubscribe"):
        raise BadSocketMessage("type must be subscribe, unsubscribe or authenticate")
    watched = watched_in(said)
    if watched is None:
        raise BadSocketMessage("name a showtimeId or a tripId")
    return Subscribe(watched, said.get("position", "")) if kind == "subscribe" else Unsubscribe(watched)
