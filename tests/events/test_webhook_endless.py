"""A webhook whose receiver never ends its answer: that takes neither memory nor time."""

import tracemalloc
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream

from tests.events.events import event
from tests.events.kept_letters import SHOP_OUT, in_memory, whole
from tests.events.test_webhook import target
from travio_inventory.bench.free_ports import free_port
from travio_inventory.events.sinks import webhook as module
from travio_inventory.events.sinks.dead_letters import SinkLetters
from travio_inventory.events.sinks.webhook import Webhook
from travio_inventory.kernel.events import SinkDown

ENDLESS = b"x" * 65_536
OK, GONE = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 410 Gone\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


async def repeated(begin: bytes, again: bytes, pause_s: float, stream: SocketStream) -> None:
    """The beginning of an answer, and then the same for ever."""
    async with stream:
        await stream.receive()
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await stream.send(begin)
            while True:
                await stream.send(again)
                await anyio.sleep(pause_s)


@pytest.mark.parametrize(
    ("begin", "again", "pause_s", "comes_of_it"),
    [
        pytest.param(OK + CHUNKED, b"10000\r\n" + ENDLESS + b"\r\n", 0, "taken", id="an endless body"),
        pytest.param(GONE + CHUNKED, b"10000\r\n" + ENDLESS + b"\r\n", 0, "letter", id="an endless refusal"),
        pytest.param(OK, b"x: " + ENDLESS + b"\r\n", 0, "down", id="endless headers"),
        pytest.param(b"HTTP/1.1 200 O", b"K", 0.05, "down", id="an answer that never ends its first line"),
        pytest.param(OK + CHUNKED, b"1\r\nx\r\n", 0.05, "down", id="a body by the byte"),
        pytest.param(b"", ENDLESS, 0, "down", id="what is no HTTP"),
    ],
)
async def test_an_answer_without_an_end_takes_neither_memory_nor_time(
    tmp_path: Path, begin: bytes, again: bytes, pause_s: float, comes_of_it: str
) -> None:
    """What never ended in time is not known to be taken, so it comes again."""
    letters, port = in_memory(), free_port("127.0.0.1")
    tracemalloc.start()
    try:
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port) as listener,
            anyio.create_task_group() as serving,
        ):
            serving.start_soon(listener.serve, partial(repeated, begin, again, pause_s))
            url = target(f"http://127.0.0.1:{port}/hook", tmp_path, "&publish_seconds_max=2")
            async with Webhook(url, SinkLetters(letters, "shop")) as hook:
                with anyio.fail_after(60):
                    if comes_of_it == "down":
                        with pytest.raises(SinkDown):
                            await hook.publish([event("1")])
                    else:
                        await hook.publish([event("1")])
            serving.cancel_scope.cancel()
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    kept = await whole(letters, SHOP_OUT)
    assert len(kept) == (comes_of_it == "letter")
    assert all(len(letter.said) <= module.ANSWER_SHOWN_MAX for letter in kept)
    assert most_bytes < 16 * 1_024 * 1_024
