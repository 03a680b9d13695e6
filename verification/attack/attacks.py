"""The list of attacks, and what each may be told."""

from typing import Final

from verification.attack import floods, messages, neighbours, peers, sockets, web
from verification.attack.assault import NOTHING, Attack

CALM: Final = "GOAWAY ENHANCE_YOUR_CALM"
CLOSED: Final = "closed"
"""Closed without an answer: connections above the limit, and calls on a connection that is closed."""
NOT_TAKEN = {"INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}
ANSWERS = {*NOT_TAKEN, "OK", "ABORTED", "FAILED_PRECONDITION", "ALREADY_EXISTS"}
"""Answers of a service that has understood the request."""
LATE = {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "RST STREAM_CLOSED"}
"""The answer, and what may arrive after it."""
BROKEN_RULES = {
    "GOAWAY PROTOCOL_ERROR",
    "GOAWAY FRAME_SIZE_ERROR",
    "GOAWAY FLOW_CONTROL_ERROR",
    "GOAWAY STREAM_CLOSED",
    "GOAWAY COMPRESSION_ERROR",
}
BROKEN_CALLS = {"RST FLOW_CONTROL_ERROR", "RST PROTOCOL_ERROR"}
"""The end of a call alone that breaks the rules."""


def told(*answers: str) -> frozenset[str]:
    return frozenset(answers)


ATTACKS: Final = (
    Attack("resets at once", floods.resets_at_once, told(CALM, CLOSED)),
    Attack("resets again and again", floods.resets_again_and_again, told(NOTHING, CALM, CLOSED, *ANSWERS)),
    Attack("pings", floods.pings, told(CALM, CLOSED)),
    Attack("settings", floods.settings, told(CALM, CLOSED, "DEADLINE_EXCEEDED")),
    Attack("window updates", floods.window_updates, told(CALM, CLOSED, "DEADLINE_EXCEEDED")),
    Attack("priorities", floods.priorities, told(CALM, CLOSED)),
    Attack("empty data", floods.empty_data, told(CALM, CLOSED, "DEADLINE_EXCEEDED")),
    Attack(
        "calls never made",
        floods.calls_never_made,
        told(CALM, CLOSED, "RST REFUSED_STREAM", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"),
    ),
    Attack(
        "calls that watch, with far deadlines",
        floods.watching_calls,
        told(NOTHING, CALM, CLOSED, "RESOURCE_EXHAUSTED", "RST STREAM_CLOSED"),
        seconds_max=600,
    ),
    Attack("oversized", messages.oversized, told("RESOURCE_EXHAUSTED")),
    Attack("compressed", messages.compressed, told("UNIMPLEMENTED")),
    Attack("truncated", messages.truncated, told("INVALID_ARGUMENT")),
    Attack("unfinished", messages.unfinished, told(NOTHING, *LATE)),
    Attack("endless data", messages.endless, told(CALM, CLOSED, *NOT_TAKEN, *BROKEN_RULES, "RST STREAM_CLOSED")),
    Attack(
        "endless data after the refusal",
        messages.endless_after_the_refusal,
        told(CALM, CLOSED, "RESOURCE_EXHAUSTED", "RST STREAM_CLOSED"),
    ),
    Attack("endless questions", messages.endless_questions, told(NOTHING, CALM, CLOSED, "GOAWAY FLOW_CONTROL_ERROR")),
    Attack("no protobuf", messages.no_protobuf, told(*ANSWERS)),
    Attack("odd text", messages.odd_text, told(*ANSWERS)),
    Attack("huge lists", messages.huge_lists, told("OK", *NOT_TAKEN, "RST STREAM_CLOSED")),
    Attack("idle connections", peers.idle, told(NOTHING, CLOSED, "NOT_FOUND", "OK")),
    Attack("slow bytes", peers.slow_bytes, told(NOTHING, "DEADLINE_EXCEEDED", CLOSED, CALM)),
    Attack("no window", peers.no_window, told("DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")),
    Attack("a window by the byte", peers.window_by_the_byte, told(NOTHING, CALM, CLOSED)),
    Attack("never reading", peers.never_reading, told(NOTHING, CLOSED)),
    Attack(
        "huge headers",
        peers.huge_headers,
        told(CALM, CLOSED, *BROKEN_RULES, "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "RST PROTOCOL_ERROR"),
    ),
    Attack("endless headers", peers.endless_headers, told(CALM, CLOSED, *BROKEN_RULES)),
    Attack("heavy headers", peers.heavy_headers, told("OK", "NOT_FOUND")),
    Attack("faults beside calls", neighbours.faults, told("OK", *LATE, *NOT_TAKEN, *BROKEN_CALLS)),
    Attack("other protocols", peers.other_protocols, told(CLOSED, *BROKEN_RULES)),
    Attack(
        "illegal frames",
        peers.illegal_frames,
        told(CLOSED, CALM, "GOAWAY NO_ERROR", "RST STREAM_CLOSED", "RST FLOW_CONTROL_ERROR", "RST PROTOCOL_ERROR",
             "INVALID_ARGUMENT", *BROKEN_RULES),
    ),
    Attack("silent, over HTTP", web.silent, told(NOTHING, "refused")),
    Attack("slow heads, over HTTP", web.slow_heads, told(NOTHING, "refused")),
    Attack("slow bodies, over HTTP", web.slow_bodies, told(NOTHING, "refused")),
    Attack("huge heads, over HTTP", web.huge_heads, told("431", CLOSED)),
    Attack("huge bodies, over HTTP", web.huge_bodies, told("413", CLOSED)),
    Attack("many bodies, over HTTP", web.many_bodies, told(NOTHING, "refused")),
    Attack("hard bodies, over HTTP", web.hard_bodies, told("400", "415", "422")),
    Attack("pipelined, over HTTP", web.pipelined, told("200", CLOSED)),
    Attack("never reading, over HTTP", web.never_reading, told(NOTHING, "refused")),
    Attack("no HTTP", web.no_http, told("400", "404", "405", CLOSED)),
    Attack("odd paths, over HTTP", web.odd_paths, told("200", "400", "404", "405", "422")),
    Attack("idle sockets", sockets.idle, told(NOTHING, "refused", "503")),
    Attack("never reading, on sockets", sockets.never_reading, told(NOTHING, "refused", "503")),
    Attack("half-open sockets", sockets.half_open, told(NOTHING, "refused", "503")),
    Attack("messages, on sockets", sockets.messages, told("1008", CLOSED)),
    Attack("pings, on sockets", sockets.pings, told("1008", CLOSED)),
    Attack("huge messages, on sockets", sockets.huge, told("1008", "1009", CLOSED)),
    Attack("endless messages, on sockets", sockets.endless, told("1008", "1009", CLOSED)),
    Attack("hard messages, on sockets", sockets.hard_messages, told("1007", "1008", CLOSED)),
    Attack("subscriptions, on sockets", sockets.subscriptions, told("1008", CLOSED)),
    Attack(
        "sockets without a token", sockets.without_token, told("1008", CLOSED, "refused", "503"), with_tokens=True
    ),
    Attack("strangers, on sockets", sockets.strangers, told("403")),
    Attack(
        "odd handshakes", sockets.odd_handshakes, told("101", "200", "400", "403", "404", "405", "426")
    ),
)  # fmt: skip
