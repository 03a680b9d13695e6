"""Bodies are bounded over all connections: a large one waits, a small one does not, and who waits too long is told."""

import asyncio
from functools import partial

import pytest

from tests.http_server.serving import LIMITS, SLOW, Caller, Site, serving
from travio_inventory.http_server.bodies import DROPPED_BYTES_MAX, UNASKED_BYTES_MAX, WORK_BYTES, Bodies

LARGE, SMALL, LEFT_OUT, READ = 400_000, 1_000, 100, 8_192


def _head(size: int) -> str:
    return f"POST /body HTTP/1.1\r\nHost: here\r\nContent-Length: {size}\r\n\r\n"


async def _large(site: Site) -> Caller:
    """A caller that has sent its body but for the last bytes, as far as the server reads."""
    caller = await site.call(_head(LARGE))
    caller.push("." * (LARGE - LEFT_OUT))
    return caller


async def test_bodies_that_are_never_whole_keep_what_is_allowed_and_small_ones_pass() -> None:
    async with serving(connections_max=50, read_bytes_max=READ) as site, asyncio.timeout(60):
        callers = [await _large(site) for _ in range(20)]
        await site.until_waiting(20)
        assert site.server.body_bytes <= LIMITS.body_bytes_max
        for _ in range(3):
            small = await site.call(_head(SMALL) + "." * SMALL)
            assert (await small.answer()).endswith(f"{SMALL} bytes")
        assert len(callers) == 20


async def test_whoever_waits_goes_on_when_others_have_left() -> None:
    async with serving(connections_max=50, read_bytes_max=READ) as site, asyncio.timeout(60):
        others = [await site.call(_head(LARGE) + "." * 30_000) for _ in range(7)]
        await site.until_kept(7 * (30_000 + WORK_BYTES))
        large = await _large(site)
        await site.until_waiting(1)
        for other in others:
            other.abort()
        large.push("." * LEFT_OUT)
        assert (await large.answer()).endswith(f"{LARGE} bytes")
        await site.until_kept(0)


async def test_an_application_hears_of_a_small_body_when_it_is_whole_and_never_of_one_whose_caller_left() -> None:
    async with serving(read_bytes_max=READ) as site, asyncio.timeout(60):
        stays, leaves = [await site.call(_head(SMALL) + "." * (SMALL - LEFT_OUT)) for _ in range(2)]
        await site.until_kept(2 * (SMALL - LEFT_OUT))
        leaves.abort()
        await site.until_kept(SMALL - LEFT_OUT)
        assert site.application.began == 0
        await stays.say("." * LEFT_OUT)
        assert (await stays.answer()).endswith(f"{SMALL} bytes")
        assert site.application.began == 1


async def test_who_asks_whether_to_send_a_body_is_told_to() -> None:
    async with serving() as site, asyncio.timeout(60):
        caller = await site.call(_head(SMALL).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"))
        assert await caller.head() == "HTTP/1.1 100 Continue\r\n\r\n"
        await caller.say("." * SMALL)
        assert (await caller.answer()).endswith(f"{SMALL} bytes")
        await site.until_kept(0)


async def test_the_work_on_bodies_that_are_not_whole_counts_too() -> None:
    sent = UNASKED_BYTES_MAX + 1_000
    async with serving(connections_max=50, body_bytes_max=400_000) as site, asyncio.timeout(60):
        callers = [await site.call(_head(LARGE) + "." * sent) for _ in range(20)]
        while site.server.body_bytes - site.application.began * WORK_BYTES != len(callers) * sent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert 0 < site.application.began <= (400_000 - len(callers) * sent) // WORK_BYTES


async def test_what_had_no_room_of_a_request_is_missed_although_the_one_before_it_is_answered_meanwhile() -> None:
    async with serving(connections_max=50, body_bytes_max=20_000) as site, asyncio.timeout(60):
        other = await site.call(_head(LARGE) + "." * 10_000)
        await site.until_kept(10_000)
        caller = await site.call(SLOW + _head(16_000) + "." * 16_000)
        await site.until_running(2)
        site.application.let_go.set()
        assert (await caller.answer()).endswith("done")
        assert (await caller.answer()).endswith("no room")
        other.abort()


async def test_one_body_alone_may_have_all() -> None:
    async with serving(body_bytes_max=LARGE) as site, asyncio.timeout(60):
        caller = await site.call(_head(LARGE))
        caller.push("." * LARGE)
        assert (await caller.answer()).endswith(f"{LARGE} bytes")


@pytest.mark.parametrize("bytes_max", [1_048_576, 30_000], ids=["waits in vain", "has no room at all"])
async def test_without_room_in_time_the_application_is_told_so_and_never_hears_half_a_body(bytes_max: int) -> None:
    """And the next request on the connection is served, when the rest of this one has come."""
    async with (
        serving(
            connections_max=50,
            read_bytes_max=READ,
            body_bytes_max=bytes_max,
            body_wait_seconds_max=0.2,
            linger_seconds_max=20,
        ) as site,
        asyncio.timeout(60),
    ):
        callers = [await _large(site) for _ in range(8)]
        for caller in callers:
            assert (await caller.answer()).endswith("no room")
            caller.push("." * LEFT_OUT + "GET /quick HTTP/1.1\r\nHost: here\r\n\r\n")
            assert (await caller.answer()).endswith("done")
        await site.until_kept(0)


async def test_what_nobody_wants_is_read_at_a_rate_and_in_turn() -> None:
    """Whoever sends on after a refusal does not take all the time there is."""
    bodies, went_on = Bodies(1, 1.0), list[int]()
    assert bodies.drop(DROPPED_BYTES_MAX, partial(went_on.append, 0))
    for number in (1, 2, 3):
        assert not bodies.drop(DROPPED_BYTES_MAX // 2, partial(went_on.append, number))
    assert went_on == []
    async with asyncio.timeout(60):
        while len(went_on) < 2:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    assert went_on == [1, 2]
    async with asyncio.timeout(60):
        while len(went_on) < 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
    assert bodies.drop(1, lambda: None)
