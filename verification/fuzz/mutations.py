"""How inputs are changed: by bytes, by frames and by header blocks, so that most of them still are HTTP/2 in part."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from verification.fuzz.judge import frames_in
from verification.fuzz.service import CHAT, ECHO, LARGE, LATER, REFUSE, WATCH
from verification.kit.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    PREFACE,
    asked,
    frame,
    framed,
    header_block,
    opened,
    reset,
    settings_frame,
)

BYTES_MAX: Final = 40_000
START: Final = PREFACE + settings_frame([])
ODD_BYTES: Final = (0, 1, 4, 5, 0x0F, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFF)
ODD_NUMBERS: Final = (0, 1, 2, 3, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 65_535, 16_384)
METHODS: Final = (ECHO, LATER, REFUSE, CHAT, WATCH, LARGE, "/f/none")
MORE: Final = (
    (("grpc-timeout", "1H"),), (("grpc-timeout", "0n"),), (("content-length", "8"),), (("grpc-encoding", "gzip"),),
    (("x-bin", "AAEC"),), (("x-bin", "!"),), (("X-Name", "x"),), (("connection", "close"),), (("host", "other"),),
    (("te", "gzip"),), ((":method", "GET"),), (("content-type", "text/html"),), (("x-long", "v" * 4_200),), (),
)  # fmt: skip


def seeds() -> list[bytes]:
    """What a run begins with, besides the corpus."""
    calls = b"".join(asked(2 * place + 1, method, b"abc") for place, method in enumerate(METHODS))
    chat = opened(1, CHAT) + b"".join(frame(DATA, 0, 1, framed(bytes(size))) for size in (0, 10, 5_000)) + reset(1)
    windows = (
        settings_frame([(4, 0)]) + asked(1, LARGE, b"") + frame(8, 0, 1, b"\0\1\0\0") + frame(8, 0, 0, b"\0\2\0\0")
    )
    block = header_block(ECHO)
    parts = frame(1, 0, 1, block[:9]) + frame(9, 0, 1, block[9:20]) + frame(9, END_HEADERS, 1, block[20:])
    table = frame(1, 5, 1, b"\x40\x05x-one\x01y\x83\x86\x44\x04/f/E") + frame(1, 5, 3, b"\xbe\xbf\x83")
    return [START + each for each in (calls, chat, windows, parts, table, frame(7, 0, 0, bytes(8)))]


def any_frame(random: Random) -> bytes:
    """A frame, more or less as a peer would send it."""
    stream_id = random.choice((0, 1, 1, 3, 3, 5, 7, 9, 2))
    odd = random.choice(ODD_NUMBERS).to_bytes(4)
    method = random.choice(METHODS)
    body = framed(bytes(random.choice((0, 1, 50, 1_100, 2_100, 9_000))))
    choices: Sequence[Callable[[], bytes]] = (
        lambda: asked(stream_id, method, body[5:]),
        lambda: opened(stream_id, method, *random.choice(MORE)),
        lambda: asked(stream_id, method, body[5:], *random.choice(MORE)),
        lambda: frame(DATA, random.choice((0, END_STREAM)), stream_id, body),
        lambda: frame(DATA, 0x8, stream_id, bytes((random.randrange(40),)) + body),
        lambda: frame(1, 5, stream_id, random.choice((b"\0\1x\1y", b"\x82", b"\0\1X\1y"))),
        lambda: reset(stream_id),
        lambda: frame(2, 0, stream_id, random.choice((stream_id, 0, 3)).to_bytes(4) + b"\x10"),
        lambda: settings_frame([(random.randrange(1, 8), random.choice(ODD_NUMBERS))]),
        lambda: frame(6, random.choice((0, 1)), 0, bytes(8)),
        lambda: frame(7, 0, 0, odd + odd),
        lambda: frame(8, 0, stream_id, odd),
        lambda: frame(random.randrange(256), random.randrange(256), stream_id, odd),
    )
    return random.choice(choices)()


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The input changed in one to five ways, still with a preface."""
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        data = random.choice(_WAYS)(data, others, random)
    return (data if data.startswith(PREFACE) or random.random() < 0.02 else START + data)[:BYTES_MAX]


def _bytes_changed(data: bytes, _others: Sequence[bytes], random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        place = random.randrange(len(PREFACE), max(len(PREFACE) + 1, len(changed)))
        if place < len(changed):
            changed[place] = random.choice((random.randrange(256), random.choice(ODD_BYTES), changed[place] ^ 1))
    return bytes(changed)


def _bytes_moved(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    place, size = random.randrange(len(data)), random.choice((1, 2, 5, 9, 30))
    if random.random() < 0.5:
        return data[:place] + data[place + size :]
    return data[:place] + random.choice((data[place : place + size], random.randbytes(size))) + data[place:]


def _frames_changed(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    frames = _frames(data)
    place = random.randrange(len(frames) + 1)
    match random.randrange(6):
        case 0:
            frames.insert(place, any_frame(random))
        case 1:
            frames.extend(any_frame(random) for _ in range(random.choice((1, 4, 12))))
        case 2 if frames:
            frames.pop(place - 1)
        case 3 if frames:
            frames[place:place] = [frames[place - 1]] * random.choice((1, 2, 30))
        case 4:
            random.shuffle(frames)
        case _:
            tail = _frames(random.choice(others))
            frames = frames[:place] + tail[random.randrange(len(tail) + 1) :]
    return PREFACE + b"".join(frames)


def _head_changed(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    """Another kind, other flags, another stream, of one frame."""
    frames = _frames(data)
    if not frames:
        return data
    place = random.randrange(len(frames))
    changed = bytearray(frames[place])
    match random.randrange(4):
        case 0:
            changed[3] = random.randrange(11)
        case 1:
            changed[4] ^= 1 << random.randrange(8)
        case 2:
            changed[5:9] = random.choice((0, 1, 3, 5, 7, 9, 11, 2**31 - 1)).to_bytes(4)
        case _:
            changed[0:3] = max(0, int.from_bytes(changed[:3]) + random.choice((-5, -1, 1, 9, 16_384))).to_bytes(3)
    frames[place] = bytes(changed)
    return PREFACE + b"".join(frames)


def _frames(data: bytes) -> list[bytes]:
    return [frame(*one) for one in frames_in(data.removeprefix(PREFACE))]


_WAYS: Final = (_bytes_changed, _bytes_moved, _frames_changed, _frames_changed, _head_changed)
