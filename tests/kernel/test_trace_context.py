"""A traceparent, read as W3C Trace Context has it: of later versions too, and of nothing else."""

import pytest

from travio_inventory.kernel.trace_context import TraceParent, read_trace_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
NO_TRACE, NO_SPAN = "0" * 32, "0" * 16


@pytest.mark.parametrize(
    ("flags", "is_sampled"),
    [("01", True), ("00", False), ("02", False), ("03", True), ("10", False), ("ff", True), ("0a", False)],
)
def test_a_span_and_whether_its_trace_is_recorded_are_read(flags: str, is_sampled: bool) -> None:
    assert read_trace_parent(f"00-{TRACE}-{SPAN}-{flags}") == TraceParent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_what_is_read_is_written_again(flags: str) -> None:
    text = f"00-{TRACE}-{SPAN}-{flags}"
    assert str(read_trace_parent(text)) == text


@pytest.mark.parametrize("text", [f"01-{TRACE}-{SPAN}-01-more", f"fe-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-"])
def test_a_later_version_may_say_more(text: str) -> None:
    assert read_trace_parent(text) == TraceParent(TRACE, SPAN, is_sampled=True)


@pytest.mark.parametrize("trace_id", ["f" + "0" * 31, "0" * 31 + "f"])
def test_an_id_is_one_unless_all_of_it_is_zero(trace_id: str) -> None:
    assert read_trace_parent(f"00-{trace_id}-{SPAN}-01") == TraceParent(trace_id, SPAN, is_sampled=True)
    assert read_trace_parent(f"00-{TRACE}-{trace_id[:15]}f-01") == TraceParent(
        TRACE, f"{trace_id[:15]}f", is_sampled=True
    )


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01-more",
        f"00-{NO_TRACE}-{SPAN}-01",
        f"00-{TRACE}-{NO_SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_names_no_span_is_none(text: str | None) -> None:
    assert read_trace_parent(text) is None


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("", ""),
        ("a=1,b@c=2", "a=1,b@c=2"),
        (" a=1 \t, b=2 ", "a=1,b=2"),
        ("a=" + "x" * 510, "a=" + "x" * 510),
        ("a=" + "x" * 511, ""),
        ("a=\r\nb: c", ""),
        ("a=\u00e9", ""),
    ],
)
def test_a_state_goes_with_it_if_it_is_one(said: str, state: str) -> None:
    """Nothing that another header could begin with, nor more than the standard asks to pass on."""
    found = read_trace_parent(f"00-{TRACE}-{SPAN}-01", said)
    assert found == TraceParent(TRACE, SPAN, is_sampled=True, state=state)
    assert str(found) == f"00-{TRACE}-{SPAN}-01"
