"""What fails all the time is said now and then."""

from travio_inventory.kernel.sparingly import Sparingly


def test_a_thing_is_said_again_only_after_a_while() -> None:
    now_s = [100.0]
    sparingly = Sparingly(now_s=lambda: now_s[0])
    assert [sparingly.may_say("a"), sparingly.may_say("a"), sparingly.may_say("b")] == [True, False, True]
    now_s[0] += 59.9
    assert not sparingly.may_say("a")
    now_s[0] += 0.1
    assert sparingly.may_say("a")
    assert not sparingly.may_say("a")


def test_only_so_many_things_are_remembered() -> None:
    sparingly = Sparingly(things_max=2)
    for thing in ("a", "b", "c"):
        assert sparingly.may_say(thing)
    assert not sparingly.may_say("c")
    assert not sparingly.may_say("b")
    assert sparingly.may_say("a")


def test_what_was_said_last_is_remembered() -> None:
    now_s = [0.0]
    sparingly = Sparingly(seconds=1, things_max=2, now_s=lambda: now_s[0])
    for thing in ("a", "b"):
        assert sparingly.may_say(thing)
    now_s[0] = 1.0
    assert sparingly.may_say("a")
    assert sparingly.may_say("c")
    assert not sparingly.may_say("a")


def test_a_thousand_things_are_remembered_unless_told_otherwise() -> None:
    sparingly = Sparingly(now_s=lambda: 0.0)
    assert all(sparingly.may_say(number) for number in range(1_000))
    assert not sparingly.may_say(0)
    assert sparingly.may_say(1_000)
    assert sparingly.may_say(0)
