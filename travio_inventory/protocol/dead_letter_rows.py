"""A dead letter, and the rows that it is in."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from travio_inventory.protocol import rows
from travio_inventory.protocol.batches import Condition, Row

KEPT_BYTES_MAX = 512 * 1_024
"""Of a body. Of a longer one the beginning is kept, and it cannot be given again."""
HEADERS_BYTES_MAX = 64 * 1_024
KEY_BYTES_MAX = 4_096
SAID_CHARS_MAX = 1_000
ID_CHARS = 32


class Way(StrEnum):
    """Where the message was going."""

    IN = "in"
    OUT = "out"


class Status(StrEnum):
    """Of a letter."""

    KEPT = "kept"
    WANTED = "wanted"
    OVER = "over"


class LetterList(NamedTuple):
    """The letters of a source or a sink, which is called so in the settings."""

    way: Way
    of: str

    @property
    def bucket(self) -> str:
        """Where its entries are."""
        return rows.SEPARATOR.join(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message, and why it can never take effect as it is. `place` is for people; `event` is its id, "" where none
    can be read; `sent_at_ms` is 0 where its broker does not say. `size` is that of the whole body. One that `is_cut`
    was too long to be kept whole, and cannot be given again.
    """

    of: LetterList
    reason: str
    said: str
    at_ms: int
    topic: str
    place: str
    body: bytes
    size: int
    event: str = ""
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    content_type: str = ""
    sent_at_ms: int = 0
    is_cut: bool = False

    @property
    def id(self) -> str:
        """The same for a message that comes again."""
        key = None if self.key is None else text64(self.key)
        what = (*self.of, self.topic, self.sent_at_ms, key, _headers_text(self.headers), len(self.body))
        digest = sha256(json.dumps(what).encode())
        digest.update(self.body)
        return digest.hexdigest()[:ID_CHARS]

    @property
    def kept_bytes(self) -> int:
        """Of its body."""
        return min(self.size, KEPT_BYTES_MAX)


class StoredLetter(NamedTuple):
    """A letter as it stands, its body left out unless it was read; how often it was given again in vain, and what came
    of one that is over.
    """

    id: str
    status: Status
    letter: DeadLetter
    tries: int
    outcome: str
    row: Row

    @property
    def seen(self) -> Condition:
        """That it is still as it was seen."""
        return {name: self.row.get(name) for name in ("status", "at_ms", "tries", "taken_until_ms")}


def cut(letter: DeadLetter) -> DeadLetter:
    """The letter with no more of it than is kept."""
    key, left, headers = letter.key, HEADERS_BYTES_MAX, list[tuple[str, bytes]]()
    for name, value in letter.headers:
        left -= len(name) + len(value)
        if left >= 0:
            headers.append((name, value))
    short = replace(letter, body=letter.body[:KEPT_BYTES_MAX], key=key and key[:KEY_BYTES_MAX], headers=tuple(headers))
    is_cut = (short.body, short.key, short.headers) != (letter.body, key, tuple(letter.headers))
    return replace(short, said=letter.said[:SAID_CHARS_MAX], is_cut=letter.is_cut or is_cut)


def row_of(letter: DeadLetter) -> Row:
    always: Row = {
        "status": Status.KEPT,
        "at_ms": letter.at_ms,
        "reason": letter.reason,
        "size": letter.size,
        "tries": 0,
    }
    maybe: Row = {
        "said": _clean(letter.said),
        "topic": _clean(letter.topic),
        "place": _clean(letter.place),
        "event": _clean(letter.event),
        "content_type": _clean(letter.content_type),
        "headers": _headers_text(letter.headers),
        "sent_at_ms": letter.sent_at_ms,
        "cut": int(letter.is_cut),
    }
    key: Row = {} if letter.key is None else {"message_key": text64(letter.key)}
    return {**always, **{name: value for name, value in maybe.items() if value}, **key}


def stored_letter(of: LetterList, letter_id: str, row: Row, body: bytes) -> StoredLetter:
    key = row.get("message_key")
    letter = DeadLetter(
        of=of,
        reason=rows.text(row, "reason"),
        said=rows.text(row, "said"),
        at_ms=rows.number(row, "at_ms"),
        topic=rows.text(row, "topic"),
        place=rows.text(row, "place"),
        body=body,
        size=rows.number(row, "size"),
        event=rows.text(row, "event"),
        key=None if key is None else b64decode(str(key)),
        headers=_read_headers(rows.text(row, "headers")),
        content_type=rows.text(row, "content_type"),
        sent_at_ms=rows.number(row, "sent_at_ms"),
        is_cut=bool(rows.number(row, "cut")),
    )
    status = Status(rows.text(row, "status"))
    return StoredLetter(letter_id, status, letter, rows.number(row, "tries"), rows.text(row, "outcome"), row)


def _clean(text: str) -> str:
    """What a store can keep of it: JSON may name half a character."""
    return text.encode(errors="replace").decode()


def text64(value: bytes | None) -> str:
    return b64encode(value or b"").decode()


def _headers_text(headers: Sequence[tuple[str, bytes]]) -> str:
    return json.dumps([(name, text64(value)) for name, value in headers]) if headers else ""


def _read_headers(text: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, b64decode(value)) for name, value in json.loads(text)) if text else ()
