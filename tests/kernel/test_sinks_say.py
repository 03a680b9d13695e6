"""What a sink says that took not all events: which are safe, which are refused, and why."""

from travio_inventory.kernel.events import PublishFailed, PublishRefused, SinkDown


def test_a_failure_says_why_and_what_is_safe() -> None:
    failed = PublishFailed("away", ["a", "b", "a"])
    assert (str(failed), failed.accepted) == ("away", frozenset("ab"))
    assert SinkDown("away").accepted == frozenset()


def test_a_refusal_says_the_first_reason_and_how_many_more_there_are() -> None:
    one = PublishRefused({"a": "too long"}, ["b"])
    assert (str(one), dict(one.refused), one.accepted) == ("too long", {"a": "too long"}, frozenset("b"))
    assert str(PublishRefused({"a": "too long", "b": "no", "c": "no"}, [])) == "too long (and 2 more events)"
