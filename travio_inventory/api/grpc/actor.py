"""The actor of a message: whom it names, as far as the caller may act for them."""

from typing import Any

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.actor import Actor


def user_of(caller: Identity, message: Any) -> Actor:  # noqa: ANN401 - messages have their fields at run time
    """A user of an organization; both must be known. Raises InvalidRequest, PermissionDenied, as all of these do."""
    return caller.as_user(message.organization_id, message.user_id)


def tenant_of(caller: Identity, message: Any) -> Actor:  # noqa: ANN401 - see above
    """The organization alone, where a message has no user."""
    return caller.as_organization(message.organization_id)


def operator_of(caller: Identity, message: Any) -> Actor:  # noqa: ANN401 - see above
    """The caller by its own name, where a message has no user: what the house does is recorded under it."""
    return caller.as_member(message.organization_id, "")


def member_of(caller: Identity, message: Any) -> Actor:  # noqa: ANN401 - see above
    """A user of the organization, or the caller, doing what needs no user."""
    return caller.as_member(message.organization_id, message.user_id)


def reader_of(caller: Identity, message: Any) -> Actor:  # noqa: ANN401 - see above
    """A user, of every organization where none is known."""
    return caller.as_reader(message.organization_id, message.user_id)
