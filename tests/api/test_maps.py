"""Seat maps and availability that are put together from parts equal the messages that they stand for."""

from collections.abc import Coroutine, Sequence
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.grpc.maps import MapReplies
from travio_inventory.api.grpc.protobuf import number, varint
from travio_inventory.api.map_colors import STATUS_COLORS, class_color
from travio_inventory.api.map_sizes import fits
from travio_inventory.api.memo import Memo
from travio_inventory.kernel import limits
from travio_inventory.seats.layout import Feature, Seat, Section, spoken_label
from travio_inventory.seats.offer import SalesState
from travio_inventory.seats.refusals import ReplyTooLarge
from travio_inventory.seats.route import Direction, StationName
from travio_inventory.seats.seat import AVAILABLE, BLOCKED, SOLD, Available, Blocked, HeldUntil, SeatState, Sold
from travio_inventory.seats.seat_map import SeatMap, encode_states
from travio_inventory.seats.trip import Journey, Trip, TripKey
from travio_inventory.seats.use_cases.check_availability import Availability
from travio_inventory.wire.inventory import v1
from verification.kit.legal_ids import legal_ids
from verification.kit.trips import a_trip, route, row_of, train

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
states: st.SearchStrategy[SeatState] = st.one_of(
    st.sampled_from([AVAILABLE, SOLD, BLOCKED]), st.builds(HeldUntil, st.integers(0, limits.TIME_S_MAX * 1_000))
)
rows = st.integers(0, limits.ROW_MAX) | st.integers(0, 3)
seats = st.builds(
    Seat,
    id=legal_ids,
    number=texts,
    row=rows,
    column=rows,
    seat_class=st.sampled_from(["", "economy", "first", "\N{GREEK SMALL LETTER ALPHA}"]),
    seat_type=texts,
    price_minor=st.integers(0, limits.PRICE_MINOR_MAX),
    is_accessible=st.booleans(),
    has_power=st.booleans(),
    is_exit_row=st.booleans(),
    row_label=st.sampled_from(["", "AA", "12-W"]),
    label=st.just("") | texts,
)
sections = st.builds(Section, id=legal_ids, label=texts, kind=texts)
features = st.builds(Feature, kind=texts.filter(bool), row=rows, column=rows, rows=st.integers(1, 9), label=texts)


@st.composite
def trips(draw: st.DrawFn) -> Trip:
    """Any small trip, with or without sections."""
    stops = [f"S{at}" for at in range(draw(st.integers(2, 5)))]
    parts = draw(st.lists(sections, max_size=3, unique_by=lambda one: one.id))
    among = st.sampled_from([part.id for part in parts] or [""])
    return Trip(
        TripKey("org", "trip"),
        tuple(replace(each, direction=draw(st.sampled_from(Direction))) for each in route(stops)),
        tuple(
            replace(seat, section=draw(among))
            for seat in draw(st.lists(seats, min_size=1, max_size=12, unique_by=lambda one: one.id))
        ),
        seats_per_group=draw(st.integers(1, 5)),
        vehicle=draw(texts),
        vehicle_type=draw(texts),
        currency=draw(st.sampled_from(["", "EUR"])),
        sections=tuple(parts),
        features=tuple(replace(each, section=draw(among)) for each in draw(st.lists(features, max_size=3))),
        time_zone=draw(st.sampled_from(["", "Asia/Dhaka"])),
        station_names=tuple(StationName(stop, f"Station {stop}") for stop in stops if draw(st.booleans())),
    )


@st.composite
def seat_maps(draw: st.DrawFn) -> SeatMap:
    """Any map of any journey of any small trip, of a section or of all."""
    trip = draw(trips())
    first = draw(st.integers(0, len(trip.segments) - 1))
    journey = Journey(first, draw(st.integers(first, len(trip.segments) - 1)))
    section = draw(st.sampled_from(["", *(each.id for each in trip.sections)]))
    state, has_departed = draw(st.sampled_from(SalesState)), draw(st.booleans())
    groups, as_of_ms = tuple(draw(groups_of(trip, section))), draw(st.integers(0, 10**13))
    return SeatMap(trip, journey, groups, section, as_of_ms, state, has_departed)


@st.composite
def groups_of(draw: st.DrawFn, trip: Trip, section: str) -> list[bytes]:
    """The seat groups of the section, packed, with each cell in any state."""
    groups = trip.groups_of(trip.places_in(section))
    sizes = [len(trip.seats_in(group)) * len(trip.segments) for group in groups]
    return [encode_states(draw(st.lists(states, min_size=size, max_size=size))) for size in sizes]


def status_of(state: SeatState) -> v1.SeatStatus:
    names = {
        Available: v1.SeatStatus.AVAILABLE,
        HeldUntil: v1.SeatStatus.HELD,
        Sold: v1.SeatStatus.BOOKED,
        Blocked: v1.SeatStatus.BLOCKED,
    }
    return names[type(state)]


def expiry_of(state: SeatState) -> int:
    return state.until_ms // 1_000 if isinstance(state, HeldUntil) else 0


def naive_map(seat_map: SeatMap) -> v1.GetSeatMapResponse:
    """The reply, built field by field."""
    trip, section = seat_map.trip, seat_map.section
    sections = {each.id: each for each in trip.sections}
    rows: list[v1.SeatRow] = []
    for one, state in seat_map.seats():
        cell = v1.SeatCell(
            seat_id=one.id,
            seat_number=one.number,
            column=one.column,
            seat_type=one.seat_type,
            seat_class=one.seat_class,
            status=status_of(state),
            price_paisa=one.price_minor,
            is_accessible=one.is_accessible,
            has_power=one.has_power,
            is_exit_row=one.is_exit_row,
            hold_expires_at=expiry_of(state),
            label=spoken_label(one, sections.get(one.section)),
        )
        row = v1.SeatRow(row_number=one.row, section_id=one.section, row_label=one.row_label)
        if not rows or replace(rows[-1], seats=[]) != row:
            rows.append(row)
        rows[-1].seats.append(cell)
    chosen = [one for one in trip.seats if section in ("", one.section)]
    return v1.GetSeatMapResponse(
        vehicle_id=trip.vehicle,
        vehicle_type=trip.vehicle_type,
        total_rows=max((one.row for one in chosen), default=0),
        total_columns=max((one.column for one in chosen), default=0),
        rows=rows,
        legend=v1.SeatMapLegend(
            status_colors=dict(STATUS_COLORS),
            class_colors={name: class_color(name) for name in trip.seat_classes if name},
        ),
        sections=[v1.SectionDefinition(*astuple(each)) for each in trip.sections if section in ("", each.id)],
        features=[
            v1.FeatureDefinition(each.kind, each.section, each.row, each.column, each.rows, each.columns, each.label)
            for each in trip.features
            if section in ("", each.section)
        ],
        currency=trip.currency,
        stops=naive_stops(trip)[seat_map.journey.first : seat_map.journey.last + 2],
        time_zone=trip.time_zone,
        direction=v1.DirectionOfTravel[trip.segments[seat_map.journey.first].direction.name],
        as_of=seat_map.as_of_ms // 1_000,
        from_segment_index=seat_map.journey.first,
        to_segment_index=seat_map.journey.last,
        state=v1.TripState[seat_map.state.name],
        departed=seat_map.has_departed,
    )


def naive_stops(trip: Trip) -> list[v1.MapStop]:
    """Each stop of the trip with what is known of it."""
    stops = [v1.MapStop(station_id=stop, name=dict(trip.station_names).get(stop, "")) for stop in trip.stops]
    for at, segment in enumerate(trip.segments):
        stops[at].departure_time = segment.departs_at_s
        stops[at].direction = v1.DirectionOfTravel[segment.direction.name]
        stops[at + 1].arrival_time = segment.arrives_at_s
    return stops


def naive_availability(found: Availability, checked_at_s: int) -> v1.CheckAvailabilityResponse:
    """The reply, built field by field."""
    open_map = replace(found.seat_map, state=SalesState.OPEN, has_departed=False)
    free = [
        one
        for one, state in open_map.seats()
        if isinstance(state, Available) and found.seat_class in ("", one.seat_class)
    ]
    prices = sorted(one.price_minor for one in free)[: found.passengers]
    sections = {each.id: each for each in found.seat_map.trip.sections}
    return v1.CheckAvailabilityResponse(
        is_available=len(free) >= found.passengers,
        available_seats=len(free),
        seats=[
            v1.SeatAvailability(
                seat_id=one.id,
                seat_number=one.number,
                seat_class=one.seat_class,
                status=v1.SeatStatus.AVAILABLE,
                seat_type=one.seat_type,
                section_id=one.section,
                label=spoken_label(one, sections.get(one.section)),
            )
            for one in free
        ],
        price_paisa=sum(prices) if len(prices) == found.passengers else 0,
        checked_at=checked_at_s,
        state=v1.TripState[found.seat_map.state.name],
        departed=found.seat_map.has_departed,
    )


def alone(writing: Coroutine[None, None, bytes]) -> bytes:
    """What is written, with nobody else there to go on."""
    while True:
        try:
            writing.send(None)
        except StopIteration as done:
            return bytes(done.value)


def written_by(replies: MapReplies, seat_map: SeatMap) -> bytes:
    return alone(replies.seat_map(seat_map))


def told_by(replies: MapReplies, found: Availability, checked_at_s: int = 1) -> bytes:
    return alone(replies.availability(found, checked_at_s=checked_at_s))


@given(seat_maps())
@pytest.mark.once
def test_a_seat_map_is_what_its_message_would_be(seat_map: SeatMap) -> None:
    written, naive = written_by(MapReplies(), seat_map), naive_map(seat_map)
    assert v1.GetSeatMapResponse.FromString(written) == naive
    google = message_type("GetSeatMapResponse")
    assert google.FromString(written) == google.FromString(bytes(naive))


@given(seat_maps(), st.sampled_from(["", "economy", "none has it"]), st.integers(1, 13))
def test_availability_is_what_its_message_would_be(seat_map: SeatMap, seat_class: str, passengers: int) -> None:
    found = Availability(seat_map, seat_class, passengers)
    written, naive = told_by(MapReplies(), found, 7), naive_availability(found, 7)
    assert v1.CheckAvailabilityResponse.FromString(written) == naive
    google = message_type("CheckAvailabilityResponse")
    assert google.FromString(written) == google.FromString(bytes(naive))


@given(st.data(), seat_maps())
def test_a_kept_reply_never_outlives_a_change(data: st.DataObject, seat_map: SeatMap) -> None:
    """One `MapReplies` gets a trip in many states; each answer is as if there had been only that state."""
    replies = MapReplies()
    for _ in range(4):
        groups = tuple(data.draw(groups_of(seat_map.trip, seat_map.section)))
        changed = replace(seat_map, groups=groups, state=data.draw(st.sampled_from(SalesState)))
        assert written_by(replies, changed) == written_by(MapReplies(), changed)
        found = Availability(changed, "", data.draw(st.integers(1, 3)))
        assert told_by(replies, found) == told_by(MapReplies(), found)


@given(seat_maps())
def test_a_map_that_fits_is_never_larger_than_that(seat_map: SeatMap) -> None:
    written = written_by(MapReplies(), seat_map)
    assert not fits(seat_map.trip, seat_map.section, len(written) - 1)
    assert fits(seat_map.trip, seat_map.section, 10 * len(written) + 1_000)


def test_sections_do_not_share_a_reply() -> None:
    replies, trip = MapReplies(), train()
    groups = [encode_states([AVAILABLE] * 6), encode_states([AVAILABLE] * 6), encode_states([AVAILABLE] * 4)]
    maps = [
        SeatMap(trip, Journey(0, 1), tuple(groups[at] for at in trip.groups_of(trip.places_in(section))), section)
        for section in ("", "c10", "c9")
    ]
    seats = [
        [cell.seat_id for row in v1.GetSeatMapResponse.FromString(written_by(replies, each)).rows for cell in row.seats]
        for each in maps
    ]
    assert (len(seats[1]), seats[0]) == (4, [*seats[1], *seats[2]])
    free = [told_by(replies, Availability(each, "", 1)) for each in maps]
    assert len(set(free)) == 3


def test_a_map_that_is_too_large_is_refused_and_told_how_to_ask() -> None:
    trip = train()
    replies = MapReplies(reply_bytes_max=1_500)
    for _ in range(2):  # the second time it is known
        with pytest.raises(ReplyTooLarge, match="the map of 8 seats would have more than 1500 bytes") as refused:
            replies.check(trip, "")
    assert "ask for one of the trip's 2 sections" in str(refused.value)
    assert refused.value.sections == ("c10", "c9")
    replies.check(trip, "c10")
    with pytest.raises(ReplyTooLarge, match=r"of section 'c9' would have .* divide its seats into sections"):
        MapReplies(reply_bytes_max=100).check(trip, "c9")
    MapReplies().check(trip, "")


def test_a_list_of_free_seats_that_is_too_large_is_refused() -> None:
    found = Availability(small_map([AVAILABLE], [AVAILABLE]), "", 1)
    with pytest.raises(ReplyTooLarge, match=r"seat_class: the free seats .* ask for a class or a section"):
        told_by(MapReplies(reply_bytes_max=10), found)


def test_answers_that_are_too_large_together_are_refused() -> None:
    replies = MapReplies(reply_bytes_max=50)
    answer = told_by(replies, Availability(small_map([AVAILABLE]), "", 1))
    assert len(answer) < 50
    with pytest.raises(ReplyTooLarge, match="the free seats would have more than 50 bytes"):
        replies.batch([answer] * 4)


def test_what_is_not_sold_is_not_available_though_seats_are_free() -> None:
    replies = MapReplies()
    sold, closed = (Availability(small_map([AVAILABLE]), "", 1, is_sold) for is_sold in (True, False))
    answers = [v1.CheckAvailabilityResponse.FromString(told_by(replies, each)) for each in (sold, closed)]
    assert [(each.is_available, each.available_seats) for each in answers] == [(True, 1), (False, 1)]


def small_map(*cells: Sequence[SeatState], trip_id: str = "trip", price: int = 100, last: int = 0) -> SeatMap:
    """One seat a seat group, each given as the states of its segments."""
    stops = [f"S{at}" for at in range(len(cells[0]) + 1)]
    seats = tuple(replace(seat, price_minor=price) for seat in row_of(len(cells), seat="{}", start=0))
    trip = a_trip(trip_id, organization="org", stops=stops, seats=seats, seats_per_group=1)
    return SeatMap(trip, Journey(0, last), tuple(map(encode_states, cells)))


def test_equal_seat_groups_make_the_same_bytes_without_encoding_them_again() -> None:
    replies = MapReplies()
    seat_map = small_map([AVAILABLE], [SOLD])
    read_again = SeatMap(seat_map.trip, seat_map.journey, tuple(bytes(bytearray(group)) for group in seat_map.groups))
    assert written_by(replies, read_again) is written_by(replies, seat_map)


def test_journeys_trips_classes_and_party_sizes_do_not_share_a_reply() -> None:
    replies = MapReplies()
    one, two = small_map([AVAILABLE, SOLD]), small_map([AVAILABLE, SOLD], last=1)
    assert written_by(replies, one) != written_by(replies, two)
    other = small_map([AVAILABLE], trip_id="other", price=7)
    assert written_by(replies, other) == written_by(MapReplies(), other)
    for seat_class in ("", "first"):
        for passengers in (1, 2):
            found = Availability(one, seat_class, passengers)
            assert told_by(replies, found) == told_by(MapReplies(), found)


def test_another_definition_with_the_same_id_gets_a_new_reply() -> None:
    """As when a store was emptied while the process ran."""
    replies = MapReplies()
    written_by(replies, small_map([AVAILABLE], price=100))
    dearer = small_map([AVAILABLE], price=200)
    assert written_by(replies, dearer) == written_by(MapReplies(), dearer)


def test_each_answer_carries_the_time_it_was_given() -> None:
    replies = MapReplies()
    found = Availability(small_map([AVAILABLE]), "", 1)
    for checked_at_s in (1_700_000_000, 1_700_000_001):
        answer = told_by(replies, found, checked_at_s)
        assert v1.CheckAvailabilityResponse.FromString(answer).checked_at == checked_at_s


def test_the_legend_is_never_absent_and_a_class_keeps_its_colour() -> None:
    legend = v1.GetSeatMapResponse.FromString(written_by(MapReplies(), small_map([AVAILABLE]))).legend
    assert legend is not None
    assert legend.status_colors == {
        "available": "#00FF00",
        "held": "#FFFF00",
        "booked": "#FF0000",
        "blocked": "#808080",
    }
    assert class_color("economy") == class_color("economy") != class_color("first")


def test_a_memo_keeps_its_limits_and_drops_what_was_used_longest_ago() -> None:
    memo = Memo[str, str](entries_max=3, bytes_max=100)
    for name in "abc":
        memo.put(name, name, 40)
    assert [memo.get(name) for name in "abc"] == [None, "b", "c"]
    assert memo.get("b") == "b"
    memo.put("d", "d", 40)
    assert [memo.get(name) for name in "bcd"] == ["b", None, "d"]
    memo.put("b", "smaller", 1)
    memo.put("e", "e", 1)
    memo.put("f", "f", 1)
    assert (len(memo), memo.size_bytes) == (3, 3)
    memo.put("f", "huge", 101)
    assert (memo.get("f"), len(memo), memo.size_bytes) == (None, 2, 2)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (2**63 - 1, "ffffffffffffffff7f"),
        (-1, "ffffffffffffffffff01"),
    ],
)
def test_varints_are_encoded_as_the_format_says(value: int, written: str) -> None:
    assert varint(value).hex() == written


def test_a_field_of_two_digits_has_a_longer_tag() -> None:
    assert number(16, 1).hex() == "800101"
