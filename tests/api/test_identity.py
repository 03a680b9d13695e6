"""An identity makes actors for those whom its caller may act for, with what it may do, and for nobody else."""

import pytest

from travio_inventory.api.auth.challenges import challenge
from travio_inventory.api.auth.identity import ANYONE, EVERY_GRANT, GRANTS, Grant, Identity, scopes_of
from travio_inventory.api.auth.off import AuthenticationOff
from travio_inventory.api.auth.port import Credentials
from travio_inventory.kernel.actor import EVERY_SCOPE, Actor, Scope, service_of, user_anywhere
from travio_inventory.kernel.refusals import InvalidRequest, Overloaded, PermissionDenied, Refusal, Unauthenticated

ANN = Identity(frozenset({Grant.READ, Grant.HOLD}), organization="acme", user="ann")
SHOP = Identity(frozenset({Grant.HOLD, Grant.DELEGATE}), organization="acme", subject="shop", names_user=True)


def test_the_grants_together_are_everything_that_an_outside_caller_may_do() -> None:
    assert scopes_of(EVERY_GRANT) == EVERY_SCOPE
    assert frozenset().union(*GRANTS.values()) == EVERY_SCOPE
    assert set(GRANTS) == set(Grant)
    assert {scope.word for scope in EVERY_SCOPE} <= {*Grant}
    assert GRANTS[Grant.HEALTH] == frozenset()
    assert GRANTS[Grant.VIEW] < GRANTS[Grant.READ]


def test_a_use_case_too_names_the_word_of_a_token_that_it_needs() -> None:
    with pytest.raises(PermissionDenied) as refused:
        ANN.as_user("", "").needs(Scope.BOOKINGS_CANCEL)
    assert (refused.value.scope, str(refused.value)) == ("confirm", "this needs the scope confirm")


def test_a_caller_acts_for_itself_whether_the_request_says_so_or_not() -> None:
    expected = Actor("acme", "ann", scopes_of(ANN.grants))
    assert ANN.as_user("", "") == ANN.as_user("acme", "ann") == ANN.as_reader("", "") == expected
    assert ANN.as_organization("") == ANN.as_organization("acme") == service_of("acme", frozenset({Scope.TRIPS_READ}))


@pytest.mark.parametrize(("organization", "user"), [("other", ""), ("other", "ann"), ("", "bob"), ("acme", "bob")])
def test_a_caller_acts_for_nobody_else(organization: str, user: str) -> None:
    with pytest.raises(PermissionDenied):
        ANN.as_user(organization, user)
    with pytest.raises(PermissionDenied):
        ANN.as_reader(organization, user)


def test_a_caller_asks_for_nothing_in_another_organization() -> None:
    with pytest.raises(PermissionDenied) as refused:
        ANN.as_organization("other")
    assert refused.value.scope == ""


def test_a_delegate_names_the_user_itself_within_its_organization() -> None:
    assert SHOP.as_user("", "ann") == Actor("acme", "ann", scopes_of(SHOP.grants))
    with pytest.raises(InvalidRequest):
        SHOP.as_user("", "")  # never the service's own name: all users would be one
    with pytest.raises(PermissionDenied):
        SHOP.as_user("other", "ann")


def test_what_was_not_granted_is_denied() -> None:
    ANN.needs(Grant.HOLD)
    for grant in (Grant.CONFIRM, Grant.ADMIN, Grant.DELEGATE):
        with pytest.raises(PermissionDenied) as refused:
            ANN.needs(grant)
        assert refused.value.scope == grant
    assert Scope.BOOKINGS_CONFIRM not in ANN.as_user("", "").scopes


def test_who_may_read_may_view() -> None:
    ANN.needs(Grant.VIEW)
    with pytest.raises(PermissionDenied) as refused:
        SHOP.needs(Grant.VIEW)
    assert refused.value.scope == "read"


def test_an_anonymous_caller_views_any_organization_and_is_asked_for_a_token_for_the_rest() -> None:
    ANYONE.needs(Grant.VIEW)
    assert ANYONE.as_organization("acme") == service_of("acme", frozenset({Scope.TRIPS_READ}))
    with pytest.raises(Unauthenticated):
        ANYONE.needs(Grant.READ)
    with pytest.raises(Unauthenticated):
        ANYONE.as_user("acme", "ann")


def test_an_identity_is_placed_where_a_request_cannot_name_an_organization() -> None:
    assert ANYONE.placed_in("default").as_organization("") == ANYONE.as_organization("default")
    assert ANN.placed_in("default") is ANN


async def test_without_authentication_the_caller_is_whoever_the_request_names_then_whoever_the_call_says() -> None:
    anybody = await AuthenticationOff().identify(Credentials())
    assert anybody.as_user("acme", "ann") == Actor("acme", "ann")
    assert anybody.as_organization("acme") == service_of("acme")
    assert anybody.as_reader("", "ann") == user_anywhere("ann")
    with pytest.raises(InvalidRequest):
        anybody.as_user("", "")
    said = await AuthenticationOff().identify(Credentials(organization="acme", user="ann"))
    assert said.as_user("", "") == Actor("acme", "ann")
    assert said.as_user("other", "bob") == Actor("other", "bob")


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (Unauthenticated(), 'Bearer realm="travio-inventory"'),
        (
            Unauthenticated("invalid_token", "the token has expired"),
            'Bearer realm="travio-inventory", error="invalid_token", error_description="the token has expired"',
        ),
        (PermissionDenied("hold"), 'Bearer realm="travio-inventory", error="insufficient_scope", scope="hold"'),
        (PermissionDenied("", "not yours"), ""),
        (Overloaded(), ""),
    ],
)
def test_http_tells_what_is_missing_as_rfc_6750_has_it(refusal: Refusal, told: str) -> None:
    assert challenge(refusal) == told
