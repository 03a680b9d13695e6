"""A fault of one call harms no other call of its connection."""

import struct
from collections.abc import Callable

import pytest

from tests.grpc_server.probe import ECHO, MISSING, SEVEN, WAIT, Served, is_seven
from verification.kit.frames import frame, framed
from verification.kit.raw_caller import RawCaller

pytestmark = pytest.mark.usefixtures("engine")


def wrong_headers(caller: RawCaller, *headers: tuple[str, str], flags: int = 4, before: bytes = b"") -> int:
    """Begin a call with what h2 would not send as headers; the stream's id."""
    stream_id = caller.open(ECHO)
    caller.send_bytes(frame(1, flags, stream_id, before + caller.h2.encoder.encode(headers)))
    return stream_id


FAULTS: dict[str, Callable[[RawCaller], object]] = {
    "another length": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-length", "3")]),
    "no length": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-length", "abc")]),
    "a window of nothing": lambda caller: caller.send_bytes(frame(8, 0, caller.open(ECHO), bytes(4))),
    "too large a window": lambda caller: caller.send_bytes(frame(8, 0, caller.open(ECHO), b"\x7f\xff\xff\xff")),
    "headers again": lambda caller: wrong_headers(caller, (":path", ECHO), ("x-name", "x")),
    "headers again that depend on themselves": lambda caller: wrong_headers(
        caller, ("x-name", "x"), flags=0x25, before=struct.pack(">IB", caller.h2.highest_outbound_stream_id, 3)
    ),
    "a priority that depends on itself": lambda caller: caller.send_bytes(
        frame(2, 0, stream_id := caller.open(ECHO), struct.pack(">IB", stream_id, 3))
    ),
    "data after the end": lambda caller: caller.send_bytes(frame(0, 0, caller.call(WAIT, SEVEN), SEVEN)),
    "headers after the end": lambda caller: caller.send_bytes(
        frame(1, 5, caller.call(WAIT, SEVEN), caller.h2.encoder.encode([("x-name", "x")]))
    ),
    "no such method": lambda caller: caller.call(MISSING, SEVEN),
    "another content type": lambda caller: caller.call(ECHO, SEVEN, replacing=[("content-type", "text/html")]),
    "compressed": lambda caller: caller.call(ECHO, framed(SEVEN, flag=1), replacing=[("grpc-encoding", "gzip")]),
    "too large": lambda caller: caller.call(ECHO, framed(bytes(2_000))),
    "odd headers": lambda caller: caller.open(
        ECHO, replacing=[("X-Upper", "1"), ("connection", "close"), ("x-nul", "a\0b\r\n"), ("x-bin", "!")]
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_one_call_harms_no_other_call_of_its_connection(
    served: Served, caller: RawCaller, fault: str
) -> None:
    waiting = caller.call(WAIT, SEVEN)
    await served.probe.started.wait()
    FAULTS[fault](caller)
    assert is_seven(await caller.ask(ECHO, SEVEN, replacing=[("x-name", "x")]))
    served.probe.go_on.set()
    assert is_seven(await caller.answer(waiting))
    assert caller.goaways == []
