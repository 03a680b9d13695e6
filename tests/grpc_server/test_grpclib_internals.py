"""The private parts of grpclib that we use exist and do what we rely on."""

import ast
import inspect
import textwrap
from typing import Any

import pytest
from grpclib.const import Status
from grpclib.events import RecvRequest, SendTrailingMetadata, _DispatchServerEvents, listen
from grpclib.protocol import Peer
from grpclib.server import Stream
from multidict import MultiDict

from travio_inventory.grpc_server.grpclib_internals import BareStream, ServerEvents
from travio_inventory.grpc_server.handling import HandlerStream

TRAITS = {"deadline", "metadata", "user_agent", "peer"}
TIMES_OF_A_CALL = ("recv_request", "recv_message", "send_initial_metadata", "send_message", "send_trailing_metadata")


class Target:
    """What `listen` can be asked to listen to."""

    def __init__(self) -> None:
        self.__dispatch__ = ServerEvents()


def test_every_method_that_a_handler_may_call_is_replaced() -> None:
    offered = {name for name, each in vars(Stream).items() if inspect.isfunction(each) and not name.startswith("_")}
    assert offered == {name for name in vars(HandlerStream) if name in offered}
    assert {name for name in vars(Stream) if name.startswith("__") and inspect.isfunction(vars(Stream)[name])} == {
        "__init__",
        "__aenter__",
        "__aexit__",
    }, "handlers do not enter the stream: the server does, where we do not"


@pytest.mark.parametrize(
    "name", ["recv_message", "send_initial_metadata", "send_message", "send_trailing_metadata", "cancel"]
)
def test_a_replaced_method_takes_the_same_arguments(name: str) -> None:
    theirs, ours = (inspect.signature(getattr(kind, name)) for kind in (Stream, HandlerStream))
    assert list(ours.parameters) == list(theirs.parameters)


def test_a_stream_has_the_data_that_handlers_know() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(Stream.__init__)))
    set_up = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    assert {name for name in set_up if not name.startswith("_")} == TRAITS
    stream = BareStream(deadline=None, metadata=Any, user_agent="a", peer=Any)  # type: ignore[arg-type]    # anything
    assert vars(stream).keys() == TRAITS


async def test_messages_can_be_iterated_over_by_receiving_them() -> None:
    class Three(BareStream):
        left = 3

        async def recv_message(self) -> int | None:
            self.left -= 1
            return self.left or None

    stream = Three(deadline=None, metadata=Any, user_agent=None, peer=Any)  # type: ignore[arg-type]    # anything
    assert [message async for message in stream] == [2, 1]


def test_the_steps_of_a_call_are_those_that_we_report() -> None:
    assert set(_DispatchServerEvents.__dispatch_methods__.values()) == set(TIMES_OF_A_CALL)
    assert list(inspect.signature(ServerEvents.recv_request).parameters) == [
        "self", "metadata", "method_func", "method_name", "deadline", "content_type", "user_agent", "peer",
    ]  # fmt: skip
    assert list(inspect.signature(ServerEvents.send_trailing_metadata).parameters) == [
        "self", "metadata", "status", "status_message", "status_details",
    ]  # fmt: skip


async def test_without_a_listener_an_event_comes_back_unchanged() -> None:
    events, message = ServerEvents(), object()
    assert await events.recv_message(message) == (message,)
    assert await events.send_message(message) == (message,)
    assert await events.send_initial_metadata(MultiDict()) == (MultiDict(),)


async def test_a_listener_may_change_an_event() -> None:
    target, seen = Target(), list[Any]()

    async def on_request(event: RecvRequest) -> None:
        seen.append((event.method_name, event.deadline, event.content_type, event.user_agent, event.peer))
        event.metadata["more"] = "so"

    async def on_end(event: SendTrailingMetadata) -> None:
        seen.append((event.status, event.status_message, event.status_details))

    listen(target, RecvRequest, on_request)
    listen(target, SendTrailingMetadata, on_end)
    metadata: Any = MultiDict()
    peer: Any = "p"
    heard = await target.__dispatch__.recv_request(
        metadata, print, method_name="m", deadline=None, content_type="c", user_agent="u", peer=peer
    )
    assert heard == (metadata, print)
    assert metadata["more"] == "so"
    await target.__dispatch__.send_trailing_metadata(
        metadata, status=Status.OK, status_message="s", status_details=None
    )
    assert seen == [("m", None, "c", "u", "p"), (Status.OK, "s", None)]


def test_a_peer_is_made_from_a_transport() -> None:
    assert list(inspect.signature(Peer).parameters) == ["transport"]
