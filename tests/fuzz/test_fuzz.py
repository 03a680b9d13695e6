"""The fuzzer's judge sees what is wrong, and the lean server does nothing wrong with what reaches its code."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hypothesis import assume, given
from hypothesis import strategies as st

from travio_inventory.grpc_server.lean.incoming import Incoming
from travio_inventory.grpc_server.lean.outgoing import Outgoing
from travio_inventory.grpc_server.lean.stream_state import StreamState
from verification.fuzz.__main__ import FoundError, corpus, fewest, fuzz, try_input
from verification.fuzz.judge import Judge, WrongAnswerError, frames_in
from verification.fuzz.mutations import START, any_frame, mutated, seeds
from verification.fuzz.running import Runner, pieces_of, runner
from verification.fuzz.service import ECHO
from verification.kit.frames import (
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    asked,
    frame,
    settings_frame,
)

OURS = settings_frame([])
BEGIN, OK = b"\x88", b"\0\x0bgrpc-status\x010"


@pytest.fixture
def run() -> Iterator[Runner]:
    with runner() as run:
        yield run


@pytest.mark.once
def test_what_the_corpus_holds_is_answered_right_however_it_is_cut(run: Runner) -> None:
    assert len(corpus()) > 20
    for data in seeds() + corpus():
        for number in range(5):
            try_input(run, data, number)


@pytest.mark.once
@given(st.randoms(use_true_random=False), st.integers(0, 4))
def test_what_is_changed_at_random_is_answered_right(random: Random, number: int) -> None:
    inputs = seeds()
    with runner() as run:
        try_input(run, mutated(random.choice(inputs), inputs, random), number)


@pytest.mark.once
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_a_connection_that_h2_accepts_is_not_ended_for_what_it_sends(random: Random, count: int) -> None:
    """Other than for sending much that is of no use, or headers on a stream that it has ended; h2 passes over frames on
    streams of our own, which we never open, and resets of streams that nobody opened (RFC 9113, 6.4).
    """
    frames = [any_frame(random) for _ in range(count)]
    data = START + b"".join(each for each in frames if each[3] != PUSH_PROMISE and (each[8] & 1 or not each[8]))
    assume(not resets_what_nobody_opened(data))
    with runner() as run:
        judge = run.run(pieces_of(data, (4_096,)))
    if by_h2(data):
        assert judge.goaway in (None, ErrorCodes.NO_ERROR, ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.STREAM_CLOSED)


def resets_what_nobody_opened(data: bytes) -> bool:
    """Whether one of the frames resets a stream that is idle."""
    opened = 0
    for kind, _, stream_id, _ in frames_in(data.removeprefix(PREFACE)):
        if kind == HEADERS:
            opened = max(opened, stream_id)
        elif kind == RST_STREAM and stream_id > opened:
            return True
    return False


def by_h2(data: bytes) -> bool:
    """Whether h2 reads all of it without ending the connection."""
    connection = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    connection.initiate_connection()
    try:
        connection.receive_data(data)
    except ProtocolError:
        return False
    return True


@pytest.mark.parametrize(
    ("what", "sent"),
    [
        ("frame 6 after GOAWAY", OURS + frame(7, 0, 0, bytes(8)) + frame(6, 1, 0, bytes(8))),
        ("SETTINGS are not first", frame(8, 0, 0, b"\0\0\0\1")),
        ("half a frame", OURS + b"\0\0\1"),
        ("an error of our own", OURS + frame(7, 0, 0, bytes(4) + ErrorCodes.INTERNAL_ERROR.to_bytes(4))),
        ("a stream that the peer never named", OURS + frame(HEADERS, 5, 3, BEGIN + OK)),
        ("an answer after its end", OURS + frame(HEADERS, 5, 1, BEGIN + OK) * 2),
        ("an end without an outcome", OURS + frame(HEADERS, 5, 1, BEGIN)),
        ("a status that is not first", OURS + frame(HEADERS, 5, 1, OK)),
        ("DATA out of place", OURS + frame(0, 0, 1, bytes(5))),
        ("more acknowledged than was sent", OURS + frame(6, 1, 0, bytes(8))),
        ("a window for what never came", OURS + frame(8, 0, 1, b"\0\x0f\0\0") * 2),
        ("more resets than there was reason for", OURS + frame(3, 0, 1, bytes(4)) * 3),
        (
            "a message that is cut off",
            OURS + frame(HEADERS, 4, 1, BEGIN) + frame(0, 0, 1, b"\0\0\0\0\5abc") + frame(HEADERS, 5, 1, OK),
        ),
        (
            "more than the stream's window",
            OURS + frame(HEADERS, END_HEADERS, 1, BEGIN) + frame(0, 0, 1, bytes(16_384)) * 4,
        ),
    ],
)
def test_the_judge_sees_what_a_server_must_not_send(what: str, sent: bytes) -> None:
    judge = Judge()
    judge.hear(START + asked(1, ECHO, b"x"))
    with pytest.raises(WrongAnswerError, match=what):
        judge.judge(sent)


def test_the_judge_has_nothing_against_an_answer() -> None:
    judge = Judge()
    judge.hear(START + asked(1, ECHO, b"x"))
    judge.judge(OURS + frame(HEADERS, END_HEADERS, 1, BEGIN) + frame(0, 0, 1, b"\0\0\0\0\1x"))
    judge.judge(frame(HEADERS, END_HEADERS | END_STREAM, 1, OK))
    assert judge.streams[1].body == b"\0\0\0\0\1x"


def test_a_call_that_comes_with_the_goaway_of_its_caller_is_answered(run: Runner) -> None:
    judge = run.run([START + frame(7, 0, 0, bytes(8)) + asked(1, "/f/L", b"x")])
    assert judge.streams[1].body == b"\0\0\0\0\1x"


def test_nothing_is_sent_after_goaway_when_the_connection_is_looked_at(run: Runner) -> None:
    """A request that was rejected and has not ended is reset after a while, but not when nobody listens any more."""
    rejected = frame(HEADERS, END_HEADERS, 1, b"\x82\x84\x86")
    assert run.run([START + rejected + frame(9, 0, 0, b"")]).goaway == ErrorCodes.PROTOCOL_ERROR


def answers_twice(outgoing: Outgoing, stream_id: int, block: bytes) -> None:
    for _ in range(2):
        outgoing.headers(stream_id, outgoing.begin_block + block, end_stream=True)


def counts_no_window(outgoing: Outgoing, stream: StreamState, _message: bytes, count: int) -> None:
    stream.sent += count
    outgoing.add(frame(0, 0, stream.id, bytes(count)))


def raises(_incoming: Incoming) -> None:
    raise RuntimeError("planted")


FAULTS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "it answers more than once": (Outgoing, "refuse", answers_twice),
    "it counts no window": (Outgoing, "_send_piece", counts_no_window),
    "it raises": (Incoming, "peer_leaves", raises),
}


@pytest.mark.breakdown
@pytest.mark.once
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, broken = FAULTS[fault]
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(FoundError):
        fuzz(20, 1, seeds())


@pytest.mark.once
def test_what_takes_new_steps_is_kept_and_the_fewest_take_as_many() -> None:
    kept, tried = fuzz(1, 1, seeds())
    assert tried >= len(kept) >= 3
    assert fewest([*kept, *kept]) == fewest(kept) != []
