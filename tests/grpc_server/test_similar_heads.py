"""Heads that differ in their metadata only are read as if each were the first."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from travio_inventory.bench.calls import NOTHING
from travio_inventory.bench.noop_server import LIMITS, NoopService
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.lean.connection import LeanConnection
from travio_inventory.grpc_server.lean.header_decoder import Field
from travio_inventory.grpc_server.lean.heads import RequestHead, read_head
from travio_inventory.grpc_server.lean.similar_heads import HEADS_MAX, NAMES_MAX, SimilarHeads
from travio_inventory.grpc_server.server import GuardedServer

USUAL: list[Field] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", NOTHING),
    (":authority", "here"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
NAMES = [
    ":path", ":method", ":odd", "te", "content-type", "content-length", "grpc-timeout", "grpc-encoding", "grpc-odd",
    "host", "connection", "user-agent", "x-request-id", "x-other", "some-bin",
]  # fmt: skip
VALUES = ["POST", "trailers", "here", "12", "1S", "0S", "20m", "gzip", "!", "bmV3", NOTHING]
FIELDS = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))
TAILS = st.lists(FIELDS, max_size=4)


@pytest.fixture(scope="module")
def context() -> ServerContext:
    return GuardedServer([NoopService()], limits=LIMITS, connection=LeanConnection)._context


def said_by(head: RequestHead) -> tuple[object, ...]:
    """All that a call is told of it."""
    if head.rejection is not None:
        return head.rejection, head.is_malformed
    metadata = list(head.metadata.items())
    return (
        head.method,
        head.timeout_seconds,
        head.content_type,
        head.user_agent,
        head.encoding,
        head.content_bytes,
        metadata,
    )


@given(st.lists(st.tuples(TAILS, st.permutations(USUAL) | st.just(USUAL)), min_size=1, max_size=6))
@example([([("x-request-id", "1")], USUAL), ([("x-request-id", "2"), ("te", "!")], USUAL)])
@example([([("grpc-timeout", "1S"), ("x-other", "1")], USUAL), ([("grpc-timeout", "0S"), ("x-other", "1")], USUAL)])
@example([([("x-other", "1"), ("te", "trailers")], USUAL), ([("te", "trailers")], USUAL)])
def test_a_head_says_the_same_whatever_was_read_before(
    context: ServerContext, heads: list[tuple[list[Field], list[Field]]]
) -> None:
    similar = SimilarHeads(context)
    for tail, usual in heads:
        for fields in ([*usual, *tail], [*USUAL, *tail]):
            assert said_by(similar.read(fields)) == said_by(read_head(fields, context)), fields


def test_a_head_of_new_metadata_is_made_of_one_that_was_read_before(
    context: ServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar, timeout = SimilarHeads(context), ("grpc-timeout", "3S")
    similar.read([*USUAL, timeout, ("x-request-id", "1")])
    monkeypatch.setattr(
        "travio_inventory.grpc_server.lean.similar_heads.read_head", lambda *_: pytest.fail("read whole")
    )
    head = similar.read([*USUAL, ("grpc-timeout", "2S"), ("x-request-id", "2")])
    assert (dict(head.metadata), head.timeout_seconds) == ({"x-request-id": "2"}, 2)


def test_what_is_remembered_has_a_bound(context: ServerContext) -> None:
    similar = SimilarHeads(context)
    for count in range(2 * max(HEADS_MAX, NAMES_MAX)):
        similar.read([*USUAL, ("user-agent", str(count)), (f"x-{count}", "")])
        assert len(similar._heads) <= HEADS_MAX
        assert len(similar._plain) <= NAMES_MAX
