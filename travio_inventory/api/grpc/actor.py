"""The actor of a message: the only place that builds an Actor from one. It authenticates nobody."""

from typing import Any

from travio_inventory.kernel.actor import Actor, service_of, user_anywhere


def user_of(message: Any) -> Actor:  # noqa: ANN401 - messages have their fields at run time
    """A user of an organization; both must be named. Raises InvalidRequest, as all of these do."""
    return Actor(message.organization_id, message.user_id)


def tenant_of(message: Any) -> Actor:  # noqa: ANN401 - see above
    """The organization alone, where a message has no user."""
    return service_of(message.organization_id)


def reader_of(message: Any) -> Actor:  # noqa: ANN401 - see above
    """A user, of every organization where none is named."""
    return user_of(message) if message.organization_id else user_anywhere(message.user_id)
