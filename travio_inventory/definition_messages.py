"""Seats, sections, features and segments of a definition as messages, for both sides of the wire."""

from typing import Any, TypeAlias

from travio_inventory.seats.layout import Feature, Seat, Section
from travio_inventory.seats.route import Segment
from travio_inventory.wire.inventory import v1

Fields: TypeAlias = Any
"""A message, whichever library read it: both give its fields these names."""


def seat_message(seat: Seat) -> v1.SeatDefinition:
    return v1.SeatDefinition(
        seat_id=seat.id,
        seat_number=seat.number,
        row=seat.row,
        column=seat.column,
        seat_type=seat.seat_type,
        seat_class=seat.seat_class,
        price_paisa=seat.price_minor,
        is_accessible=seat.is_accessible,
        has_power=seat.has_power,
        is_exit_row=seat.is_exit_row,
        section_id=seat.section,
        row_label=seat.row_label,
        label=seat.label,
    )


def section_message(section: Section) -> v1.SectionDefinition:
    return v1.SectionDefinition(section_id=section.id, label=section.label, kind=section.kind)


def feature_message(feature: Feature) -> v1.FeatureDefinition:
    return v1.FeatureDefinition(
        kind=feature.kind,
        section_id=feature.section,
        row=feature.row,
        column=feature.column,
        rows=feature.rows,
        columns=feature.columns,
        label=feature.label,
    )


def segment_message(index: int, segment: Segment) -> v1.SegmentDefinition:
    return v1.SegmentDefinition(
        segment_index=index,
        from_station_id=segment.origin,
        to_station_id=segment.destination,
        departure_time=segment.departs_at_s,
        arrival_time=segment.arrives_at_s,
        direction=v1.DirectionOfTravel[segment.direction.name],
    )


def read_seat(seat: Fields) -> Seat:
    """A seat of a definition."""
    return Seat(
        id=seat.seat_id,
        number=seat.seat_number,
        row=seat.row,
        column=seat.column,
        seat_class=seat.seat_class,
        seat_type=seat.seat_type,
        price_minor=seat.price_paisa,
        is_accessible=seat.is_accessible,
        has_power=seat.has_power,
        is_exit_row=seat.is_exit_row,
        section=seat.section_id,
        row_label=seat.row_label,
        label=seat.label,
    )


def read_section(section: Fields) -> Section:
    """A section of a definition."""
    return Section(section.section_id, section.label, section.kind)


def read_feature(feature: Fields) -> Feature:
    """A thing that is no seat."""
    return Feature(
        feature.kind,
        feature.row,
        feature.column,
        section=feature.section_id,
        rows=feature.rows or 1,
        columns=feature.columns or 1,
        label=feature.label,
    )
