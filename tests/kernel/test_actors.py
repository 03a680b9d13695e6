"""Actors: named where a name is needed, and limited to their scopes."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.actor import (
    EVERY_SCOPE,
    HOUSE,
    Actor,
    ActorKind,
    Scope,
    house_for,
    house_of,
    service_of,
    user_anywhere,
)
from travio_inventory.kernel.refusals import InvalidRequest, PermissionDenied

EMPTY = "must not be empty"
ENDS = "must not begin or end with white space"
FOR_NOBODY = frozenset(
    {
        Scope.TRIPS_READ,
        Scope.TRIPS_ADMIN,
        Scope.HOLDERS_READ,
        Scope.SEATS_BLOCK,
        Scope.SEATS_EXPLAIN,
        Scope.BOOKINGS_READ,
        Scope.DEEDS_READ,
        Scope.STOCK_READ,
        Scope.STOCK_ADJUST,
        Scope.STOCK_APPROVE,
        Scope.STOCK_RESERVE,
        Scope.STOCK_ADMIN,
    }
)
"""The scopes that need no user."""


@pytest.mark.parametrize(
    ("make", "scopes", "kind"),
    [
        (lambda: Actor("org", "ann"), EVERY_SCOPE, ActorKind.USER),
        (lambda: Actor("é", "é"), EVERY_SCOPE, ActorKind.USER),
        (lambda: service_of("org"), FOR_NOBODY, ActorKind.SERVICE),
        (lambda: user_anywhere("ann"), frozenset({Scope.WAITLISTS_READ}), ActorKind.USER),
        (
            lambda: service_of("org", frozenset({Scope.TRIPS_READ, Scope.HOLDS_READ})),
            {Scope.TRIPS_READ},
            ActorKind.SERVICE,
        ),
        (lambda: user_anywhere("ann", frozenset({Scope.TRIPS_READ})), frozenset(), ActorKind.USER),
        (lambda: house_of("org"), FOR_NOBODY | {Scope.HOUSE_WORK}, ActorKind.HOUSE),
        (lambda: HOUSE, frozenset({Scope.HOUSE_WORK}), ActorKind.HOUSE),
    ],
)
def test_each_kind_of_actor_has_its_scopes(
    make: Callable[[], Actor], scopes: frozenset[Scope], kind: ActorKind
) -> None:
    actor = make()
    assert (actor.scopes, actor.kind) == (scopes, kind)


def test_an_actor_is_the_one_who_was_named() -> None:
    assert (service_of("org").organization, service_of("org").user) == ("org", "")
    assert (user_anywhere("ann").organization, user_anywhere("ann").user) == ("", "ann")
    assert (house_of("org").organization, house_of("org").user) == ("org", "")
    assert house_for("org", "ann") == Actor("org", "ann", EVERY_SCOPE, ActorKind.HOUSE)


def test_only_the_house_does_the_work_of_the_house() -> None:
    assert frozenset(Scope) - {Scope.HOUSE_WORK} == EVERY_SCOPE


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Actor("", ""), [("organization_id", EMPTY), ("user_id", EMPTY)]),
        (lambda: Actor("org", ""), [("user_id", EMPTY)]),
        (lambda: Actor("", "ann"), [("organization_id", EMPTY)]),
        (lambda: Actor(" org", "ann "), [("organization_id", ENDS), ("user_id", ENDS)]),
        (lambda: service_of(""), [("organization_id", EMPTY)]),
        (lambda: user_anywhere(""), [("user_id", EMPTY)]),
        (lambda: house_of(" "), [("organization_id", ENDS)]),
    ],
)
def test_an_actor_without_a_necessary_name_is_refused(
    make: Callable[[], Actor], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make()
    assert list(refused.value.violations) == expected


def test_an_actor_does_nothing_beyond_its_scopes() -> None:
    service = service_of("org")
    service.needs(Scope.TRIPS_READ)
    with pytest.raises(PermissionDenied) as refused:
        service.needs(Scope.SEATS_HOLD)
    assert (str(refused.value), refused.value.scope) == ("this needs the scope hold", "hold")
