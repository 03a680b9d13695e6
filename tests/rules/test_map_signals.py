"""Who is called when a trip's map may have changed."""

from travio_inventory.seats.map_signals import MapSignals
from travio_inventory.seats.trip import TripKey

HERE, THERE, NOWHERE = (TripKey("org", name) for name in "abc")


def test_whoever_listens_to_a_trip_is_called_until_the_block_is_left() -> None:
    signals, heard = MapSignals(), list[str]()
    with (
        signals.listening(HERE, lambda: heard.append("first")),
        signals.listening(THERE, lambda: heard.append("there")),
    ):
        with signals.listening(HERE, lambda: heard.append("second")):
            signals.changed(HERE)
            assert heard == ["first", "second"]
        signals.changed(HERE)
        assert heard == ["first", "second", "first"]
        heard.clear()
        signals.changed(NOWHERE)
        assert heard == []
        signals.all_changed()
        assert heard == ["first", "there"]
    signals.all_changed()
    assert heard == ["first", "there"]


def test_nothing_is_kept_of_a_trip_to_which_nobody_listens() -> None:
    signals = MapSignals()
    with signals.listening(HERE, lambda: None):
        assert [*signals._listeners] == [HERE]
    assert signals._listeners == {}
