"""Holds what a server sends to HTTP/2 and gRPC, given what its peer sent: an independent and simple reading of both."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from h2.errors import ErrorCodes
from hpack import Decoder

from verification.kit.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)

START: Final = 65_535
ID_BITS: Final = 2**31 - 1
OWN_WINDOW: Final = 1 << 20
"""What the server lets a peer have in flight."""


class WrongAnswerError(AssertionError):
    """The server has sent what it must not."""


def frames_in(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, stream and body of each whole frame."""
    at = 0
    while len(data) - at >= 9:
        end = at + 9 + int.from_bytes(data[at : at + 3])
        if end > len(data):
            return
        yield data[at + 3], data[at + 4], int.from_bytes(data[at + 5 : at + 9]) & ID_BITS, data[at + 9 : end]
        at = end


@dataclass
class SentStream:
    """What the server has sent on one stream."""

    body: bytearray = field(default_factory=bytearray)
    headers: int = 0
    has_ended: bool = False
    resets: int = 0


@dataclass
class Judge:
    """Told what goes in and what comes out, in order. The windows are the largest that the peer may have meant."""

    streams: dict[int, SentStream] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)
    """Frames of the peer by kind, and on each stream by -1 - id."""
    said: Counter[int] = field(default_factory=Counter)
    windows: Counter[int] = field(default_factory=Counter)
    """What was granted besides the first window of each stream; 0 is the connection."""
    first_window: int = START
    used: Counter[int] = field(default_factory=Counter)
    goaway: int | None = None
    _heard: bytes = b""
    _decoder: Decoder = field(default_factory=Decoder)

    def hear(self, data: bytes) -> None:
        """The peer sends."""
        self._heard += data
        self.asked, self.windows, self.first_window = Counter(), Counter(), START
        for kind, _, stream_id, body in frames_in(self._heard[len(PREFACE) :]):
            self.asked[kind] += 1
            self.asked[-1 - stream_id] += 1
            if kind == WINDOW_UPDATE and len(body) == 4:
                self.windows[stream_id] += int.from_bytes(body) & ID_BITS
            elif kind == SETTINGS:
                for at in range(0, len(body) - 5, 6):
                    if int.from_bytes(body[at : at + 2]) == INITIAL_WINDOW_SIZE:
                        self.first_window = max(self.first_window, int.from_bytes(body[at + 2 : at + 6]))

    def judge(self, data: bytes) -> None:
        """The server sends. Raises WrongAnswerError."""
        size = 0
        for kind, flags, stream_id, body in frames_in(data):
            size += 9 + len(body)
            if self.goaway is not None:
                raise WrongAnswerError(f"frame {kind} after GOAWAY")
            if not self.said and kind != SETTINGS:
                raise WrongAnswerError("SETTINGS are not first")
            if len(body) > FRAME_BYTES:
                raise WrongAnswerError("a frame larger than the peer takes")
            self.said[kind] += 1
            self._frame(kind, flags, stream_id, body)
        if size != len(data):
            raise WrongAnswerError("half a frame")

    def _frame(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        match kind:
            case 0 | 1 | 3:
                self._of_stream(kind, flags, stream_id, body)
            case 4 | 6:
                _must(stream_id == 0, "a frame of the connection on a stream")
                acknowledged = self.said[kind] - (kind == SETTINGS)
                _must(acknowledged <= self.asked[kind], "more acknowledged than was sent")
                _must(bool(flags & ACK) or kind == SETTINGS, "a PING of our own")
            case 7:
                self.goaway = int.from_bytes(body[4:8])
                _must(self.goaway != ErrorCodes.INTERNAL_ERROR, "an error of our own")
                _must(not int.from_bytes(body[:4]) or int.from_bytes(body[:4]) & 1 == 1, "an even last stream")
            case 8:
                self.used[-1 - stream_id] += int.from_bytes(body)
                _must(0 < int.from_bytes(body) <= OWN_WINDOW, "a senseless window")
                _must(self.used[-1 - stream_id] <= OWN_WINDOW + len(self._heard), "a window for what never came")
            case _:
                raise WrongAnswerError(f"frame {kind} from a server")

    def _of_stream(self, kind: int, flags: int, stream_id: int, body: bytes) -> None:
        _must(stream_id & 1 == 1 and self.asked[-1 - stream_id] > 0, "a stream that the peer never named")
        stream = self.streams.setdefault(stream_id, SentStream())
        if kind == RST_STREAM:
            stream.resets += 1
            _must(stream.resets <= self.asked[-1 - stream_id], "more resets than there was reason for")
            stream.has_ended = True
            return
        _must(not stream.has_ended, "an answer after its end")
        stream.has_ended = bool(flags & END_STREAM)
        if kind == HEADERS:
            self._headers(stream, flags, body)
            return
        _must(stream.headers == 1 and not stream.has_ended, "DATA out of place")
        stream.body += body
        self.used[stream_id] += len(body)
        self.used[0] += len(body)
        _must(self.used[stream_id] <= self.first_window + self.windows[stream_id], "more than the stream's window")
        _must(self.used[0] <= START + self.windows[0], "more than the connection's window")

    def _headers(self, stream: SentStream, flags: int, block: bytes) -> None:
        _must(bool(flags & END_HEADERS), "headers in parts")
        fields = {str(name): str(value) for name, value in self._decoder.decode(block)}
        stream.headers += 1
        _must((":status" in fields) == (stream.headers == 1), "a status that is not first")
        _must(("grpc-status" in fields) == stream.has_ended, "an end without an outcome")
        _must(stream.headers <= 2, "headers again")
        if stream.has_ended and fields["grpc-status"] == "0":
            body = bytes(stream.body)
            while body:
                _must(body[0] == 0 and len(body) >= 5 + int.from_bytes(body[1:5]), "a message that is cut off")
                body = body[5 + int.from_bytes(body[1:5]) :]


def _must(holds: bool, said: str) -> None:
    if not holds:
        raise WrongAnswerError(said)


assert (DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE) == (0, 1, 3, 4, 6, 7, 8)
