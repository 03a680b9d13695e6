"""What fails all the time is logged only now and then."""

from travio_inventory.kernel.log_throttle import LogThrottle


def test_a_thing_is_logged_again_only_after_a_while() -> None:
    now_s = [100.0]
    throttle = LogThrottle(now_s=lambda: now_s[0])
    assert [throttle.may_log("a"), throttle.may_log("a"), throttle.may_log("b")] == [True, False, True]
    now_s[0] += 59.9
    assert not throttle.may_log("a")
    now_s[0] += 0.1
    assert throttle.may_log("a")
    assert not throttle.may_log("a")


def test_a_limited_number_of_things_is_remembered() -> None:
    throttle = LogThrottle(things_max=2)
    for thing in ("a", "b", "c"):
        assert throttle.may_log(thing)
    assert not throttle.may_log("c")
    assert not throttle.may_log("b")
    assert throttle.may_log("a")


def test_what_was_logged_last_is_remembered() -> None:
    now_s = [0.0]
    throttle = LogThrottle(seconds=1, things_max=2, now_s=lambda: now_s[0])
    for thing in ("a", "b"):
        assert throttle.may_log(thing)
    now_s[0] = 1.0
    assert throttle.may_log("a")
    assert throttle.may_log("c")
    assert not throttle.may_log("a")


def test_a_thousand_things_are_remembered_unless_told_otherwise() -> None:
    throttle = LogThrottle(now_s=lambda: 0.0)
    assert all(throttle.may_log(number) for number in range(1_000))
    assert not throttle.may_log(0)
    assert throttle.may_log(1_000)
    assert throttle.may_log(0)
