"""Relays CQL between a driver and its nodes, and spoils batches as told: the process behind `cql_proxy`."""

import argparse
import asyncio
import json
import traceback
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Any, assert_never

from verification.servers.cql_frames import (
    Frame,
    Opcode,
    is_conditional,
    prepared_id,
    prepares_a_condition,
    read_frame,
    startup,
)

CONTROL_HOST = "127.0.0.1"
ANSWER_S_MAX = 60
STREAMS = 2**15
GONE = (OSError, IncompleteReadError)


class Fault(StrEnum):
    """What happens to a conditional request and to its answer."""

    REQUEST_LOST = "request lost"
    """It never reaches the node."""
    ANSWER_LOST = "answer lost"
    """It is done, and its answer is lost."""
    REQUEST_LATE = "request late"
    """It reaches the node `late_ms` later; the answer is passed on."""
    ANSWER_LATE = "answer late"
    """It is done at once; the answer is passed on `late_ms` later."""
    REQUEST_KEPT = "request kept"
    """It reaches the node when the rule is settled."""
    COPY_KEPT = "answer lost, copy kept"
    """It is done, and its answer is lost; a copy reaches the node when the rule is settled."""
    TWICE = "twice at once"
    """It and a copy reach the node together; the answer to one of them is passed on."""
    ANSWERED_TWICE = "twice, second answer"
    """A copy is done first; the answer to the request itself is passed on."""
    CUT_BEFORE = "connection cut before"
    """It never reaches the node, and the connection that it came by is closed."""
    CUT_AFTER = "connection cut after"
    """It is done, and the connection that it came by is closed."""


class Courier:
    """The relay's own connection to a node: its requests arrive even if their sender is gone."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._opening = asyncio.Lock()
        self._writer: StreamWriter | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._streams = count()
        self._asked: dict[int, asyncio.Future[Frame]] = {}

    async def ask(self, request: Frame) -> Frame:
        """The node's answer. Raises OSError if it is unreachable, TimeoutError (a subclass) if it does not answer."""
        async with asyncio.timeout(ANSWER_S_MAX):
            async with self._opening:
                if self._writer is None or self._writer.is_closing():
                    await self._open()
            answer = await self._send(request)
        return answer._replace(stream=request.stream)

    async def _open(self) -> None:
        reader, self._writer = await asyncio.open_connection(*self._address)
        self._hearing = asyncio.create_task(self._hear(reader, self._writer))
        answer = await self._send(startup())
        if answer.opcode != Opcode.READY:
            raise ValueError(f"the node does not let the courier in: {answer.body!r}")

    async def _send(self, request: Frame) -> Frame:
        stream = next(self._streams) % STREAMS
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[stream] = answer
        assert self._writer is not None
        self._writer.write(request._replace(stream=stream).encoded())
        try:
            return await answer
        finally:
            del self._asked[stream]

    async def _hear(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(*GONE):
            while True:
                frame = await read_frame(reader)
                asked = self._asked.get(frame.stream)
                if asked is not None and not asked.done():
                    asked.set_result(frame)
        writer.close()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionError("the node is gone"))


@dataclass(slots=True)
class Rule:
    """Counts the conditional requests with a marker; some of them, from the `first` on, meet the fault."""

    fault: Fault | None
    first: int = 1
    times: int = 1
    late_ms: int = 0
    seen: int = 0
    spoiled: int = 0
    is_settled: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def meets(self) -> Fault | None:
        """Count one more; what happens to it."""
        self.seen += 1
        if self.fault is None or not self.first <= self.seen < self.first + self.times:
            return None
        self.spoiled += 1
        return self.fault

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Continue with the spoiled request."""
        task = asyncio.create_task(self._follow(work))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def settle(self) -> None:
        """Send what was kept; returns when nothing is in flight any more."""
        self.is_settled.set()
        while self.under_way:
            await asyncio.wait(self.under_way)

    def report(self) -> dict[str, object]:
        """What it has seen, and errors of the relay itself."""
        return {"batches": self.seen, "spoiled": self.spoiled, "failure": "\n".join(self.failures)}

    async def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except GONE:
            pass  # the node is unreachable: the request is lost like any other
        except Exception:  # noqa: BLE001 - reported to whoever settles the rule
            self.failures.append(traceback.format_exc())


class Relay:
    """All connections to all nodes, and the rules for what passes."""

    def __init__(self, node_port: int) -> None:
        self.node_port = node_port
        self.dark: set[str] = set()
        self.conditional: set[bytes] = set()
        self._rules: dict[bytes, Rule] = {}
        self._ended: dict[bytes, Rule] = {}
        self._couriers: dict[str, Courier] = {}

    def courier(self, host: str) -> Courier:
        """The node's."""
        if host not in self._couriers:
            self._couriers[host] = Courier(host, self.node_port)
        return self._couriers[host]

    def spoiling(self, frame: Frame) -> tuple[Rule, Fault] | None:
        """What happens to the request, if it is not just passed on; every rule counts it."""
        if not is_conditional(frame, self.conditional):
            return None
        met = [(rule, rule.meets()) for marker, rule in self._rules.items() if marker in frame.body]
        return next(((rule, fault) for rule, fault in met if fault is not None), None)

    async def serve(self, host: str, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection of a driver, as long as both ends keep it."""
        try:
            node_reader, node_writer = await asyncio.open_connection(host, self.node_port)
        except OSError:
            writer.transport.abort()
            return
        await Link(self, host, reader, writer, node_reader, node_writer).run()

    async def command(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One command of a test, a line of JSON, and its answer."""
        try:
            answer = await self._obey(**json.loads(await reader.readline()))
        except Exception:  # noqa: BLE001 - reported to the sender of the command
            answer = {"failure": traceback.format_exc()}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _obey(self, do: str, marker: str = "", host: str = "", **how: Any) -> dict[str, object]:  # noqa: ANN401 - JSON
        match do:
            case "spoil":
                fault = how.pop("fault")
                self._rules[marker.encode()] = Rule(fault and Fault(fault), **how)
            case "mend":
                self._ended[marker.encode()] = rule = self._rules.pop(marker.encode())
                return rule.report()
            case "settle":
                rule = (self._rules if marker.encode() in self._rules else self._ended).pop(marker.encode())
                await rule.settle()
                return rule.report()
            case "darken":
                self.dark.add(host)
            case "lighten":
                self.dark.discard(host)
            case _:
                raise ValueError(f"no command {do!r}")
        return {}


@dataclass(slots=True)
class Link:
    """A driver's connection, and the relay's own beyond it."""

    relay: Relay
    host: str
    reader: StreamReader
    writer: StreamWriter
    node_reader: StreamReader
    node_writer: StreamWriter
    preparing: set[int] = field(default_factory=set)

    async def run(self) -> None:
        """Pass on what comes from both ends, until one is gone."""
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for ended in await asyncio.gather(*ways, return_exceptions=True):
                if not isinstance(ended, (*GONE, asyncio.CancelledError)):
                    traceback.print_exception(ended)
            self._cut()

    async def _up(self) -> None:
        while True:
            frame = await read_frame(self.reader)
            if self.host in self.relay.dark:
                continue
            if prepares_a_condition(frame):
                self.preparing.add(frame.stream)
            spoiling = self.relay.spoiling(frame)
            if spoiling is None:
                self.node_writer.write(_known_by_port(frame).encoded())
                await self.node_writer.drain()
            else:
                rule, fault = spoiling
                rule.start(self._spoil(rule, fault, frame))

    async def _down(self) -> None:
        while True:
            frame = await read_frame(self.node_reader)
            if frame.stream in self.preparing:
                self.preparing.discard(frame.stream)
                prepared = prepared_id(frame)
                if prepared is not None:
                    self.relay.conditional.add(prepared)
            self._answer(frame)
            await self.writer.drain()

    async def _spoil(self, rule: Rule, fault: Fault, frame: Frame) -> None:  # noqa: C901 - a case per fault
        ask: Callable[[Frame], Coroutine[Any, Any, Frame]] = self.relay.courier(self.host).ask
        match fault:
            case Fault.REQUEST_LOST:
                pass
            case Fault.ANSWER_LOST:
                await ask(frame)
            case Fault.REQUEST_LATE:
                await asyncio.sleep(rule.late_ms / 1_000)
                self._answer(await ask(frame))
            case Fault.ANSWER_LATE:
                answer = await ask(frame)
                await asyncio.sleep(rule.late_ms / 1_000)
                self._answer(answer)
            case Fault.REQUEST_KEPT:
                await rule.is_settled.wait()
                self._answer(await ask(frame))
            case Fault.COPY_KEPT:
                await ask(frame)
                await rule.is_settled.wait()
                await ask(frame)
            case Fault.TWICE:
                answer, _ = await asyncio.gather(ask(frame), ask(frame))
                self._answer(answer)
            case Fault.ANSWERED_TWICE:
                await ask(frame)
                self._answer(await ask(frame))
            case Fault.CUT_BEFORE:
                self._cut()
            case Fault.CUT_AFTER:
                await ask(frame)
                self._cut()
            case _:
                assert_never(fault)

    def _answer(self, frame: Frame) -> None:
        if self.host not in self.relay.dark and not self.writer.is_closing():
            self.writer.write(frame.encoded())

    def _cut(self) -> None:
        self.writer.transport.abort()
        self.node_writer.transport.abort()


def _known_by_port(frame: Frame) -> Frame:
    """Hide the table with the ports of the nodes, which would lead the driver past the relay. Without it, the driver
    uses the port that it knows, which is the relay's.
    """
    if frame.opcode != Opcode.QUERY:
        return frame
    return frame._replace(body=frame.body.replace(b"system.peers_v2", b"system.no_table"))


async def run(hosts: list[str], *, node_port: int, port: int, control_port: int) -> None:
    """Serve until the process is ended."""
    relay = Relay(node_port)
    for host in hosts:
        await asyncio.start_server(partial(relay.serve, host), host, port)
    commands = await asyncio.start_server(relay.command, CONTROL_HOST, control_port)
    await commands.serve_forever()


def main() -> None:
    """Run what was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", nargs="+")
    for port in ("--node-port", "--port", "--control-port"):
        parser.add_argument(port, type=int, required=True)
    asyncio.run(run(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
