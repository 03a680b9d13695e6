"""The meaning of the driver's errors: a batch had no effect, may have had one, or could not be understood."""

import os
from typing import NamedTuple

from cassandra import ConsistencyLevel, RateLimitReached, RequestValidationException, Unavailable, UnsupportedOperation
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import PreparedQueryNotFound, SyntaxException

from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.protocol.batches import NotDone, StoreUnavailable, Unknown

CAUSE_CHARS_MAX = 300
_WRONG = (RequestValidationException, SyntaxException, UnsupportedOperation)


class Failure(NamedTuple):
    """An error in the place of an answer, and whether a node may have got the request, or may still get it."""

    error: Exception
    was_sent: bool


def outcome_of(failure: Failure) -> NotDone | Unknown:
    """The outcome of a conditional batch. An error of our own is raised as it is."""
    raise_wrong(failure)
    error = failure.error
    if isinstance(error, Unavailable) and ConsistencyLevel.is_serial(error.consistency):
        return NotDone(cause(error))
    if isinstance(error, PreparedQueryNotFound) or not failure.was_sent:
        return NotDone(cause(error))
    return Unknown(cause(error))


def unread(failure: Failure) -> StoreUnavailable:
    """The error for a failed read. An error of our own is raised as it is."""
    raise_wrong(failure)
    return StoreUnavailable(cause(failure.error))


def raise_wrong(failure: Failure) -> None:
    """Raise what no retry can cure: a request that is wrong, or not allowed."""
    error = failure.error
    if isinstance(error, _WRONG) and not isinstance(error, RateLimitReached):
        raise error


def cause(error: Exception) -> str:
    """One line about an error, of CAUSE_CHARS_MAX characters at most."""
    if isinstance(error, NoHostAvailable) and error.errors:
        said = "; ".join(f"{host}: {_said(each)}" for host, each in error.errors.items())
    else:
        said = _said(error)
    return " ".join(said.split())[:CAUSE_CHARS_MAX]


def _said(error: Exception) -> str:
    """The system's own words of a connection that failed; the driver's repeat the address."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)
    return error_in_words(error)
