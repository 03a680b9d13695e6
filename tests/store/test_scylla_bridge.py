"""Answers on their way from the driver: each call gets its own, even if the driver has none."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from cassandra.cluster import Session
from cassandra.query import SimpleStatement, Statement

from travio_inventory.store.scylla.bridge import Bridge
from travio_inventory.store.scylla.failures import Failure

ASKED = SimpleStatement("SELECT")


class Request:
    """The driver's object for a request; it completes when the test says so."""

    attempted_hosts = ("db1",)

    def add_callbacks(
        self,
        callback: Callable[..., None],
        _errback: Callable[..., None],
        *,
        callback_args: tuple[object],
        errback_args: tuple[object, object],
    ) -> None:
        assert errback_args[0] is callback_args[0]
        self._answered: Callable[[None], None] = partial(_reversed, callback, *callback_args)

    def answer(self) -> None:
        """Tell that it was done."""
        self._answered(None)


def _reversed(callback: Callable[..., None], call: object, reply: None) -> None:
    callback(reply, call)


class Driver:
    """A session whose requests are answered by hand."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def execute_async(self, _statement: Statement, *, execution_profile: str) -> Request:
        assert execution_profile
        self.requests.append(Request())
        return self.requests[-1]


class Ends:
    """Counts the requests that are over."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def bridge(driver: Driver, *, patience_s: float = 5.0) -> Bridge:
    return Bridge(cast("Session", driver), patience_s=patience_s)


async def test_a_request_that_the_driver_forgets_is_unanswered_and_over_once() -> None:
    driver, ended = Driver(), Ends()
    waiting = bridge(driver, patience_s=0.02).send(ASKED, "batch", ended)
    async with asyncio.timeout(2):
        reply = await waiting
    assert isinstance(reply, Failure)
    assert reply.was_sent
    assert ended.count == 1
    driver.requests[0].answer()
    await asyncio.sleep(0.01)
    assert ended.count == 1


async def test_a_request_that_cannot_end_well_keeps_no_answer_from_others() -> None:
    driver, ended = Driver(), Ends()
    sending = bridge(driver)

    def cannot_end() -> None:
        raise ZeroDivisionError

    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    waiting = [sending.send(ASKED, "batch", cannot_end), sending.send(ASKED, "batch", ended)]
    for request in driver.requests:
        request.answer()
    async with asyncio.timeout(2):
        assert await asyncio.gather(*waiting) == [None, None]
    assert ended.count == 1
    assert isinstance(said[0]["exception"], ZeroDivisionError)
