"""Types of requests and answers over HTTP: numbers as wide as on the wire of gRPC, times as RFC 3339 has them."""

import re
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from travio_inventory.api.auth.caller import Caller, organization_of

INT32, INT64 = 2**31, 2**63
_DIGITS: Final = re.compile("-?[0-9]{1,20}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
MEMBERS_MAX: Final = 64
"""No form knows as many."""


class Body(BaseModel):
    """A request, whose members are all known: a misspelt one must not be ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_members(cls, said: object) -> object:
        """Each member that is not known is a fault of its own: very many of them are one."""
        if isinstance(said, dict) and len(said) > MEMBERS_MAX:
            raise PydanticCustomError("too_many_members", "must have at most {most} members", {"most": MEMBERS_MAX})
        return said


class OldBody(BaseModel):
    """A request of clients that may say more than we read."""

    model_config = ConfigDict(extra="ignore", strict=True)


Named: TypeAlias = Annotated[str | int | None, Field(examples=[None])]
"""Whom a body names, if it does."""


class NamingBody(OldBody):
    """One that may say whom it is for: else its query and its headers do, else the caller is it."""

    user_id: Named = None
    org_id: Named = None
    organization_id: Named = None

    def of(self, caller: Caller) -> Caller:
        """The caller, with whom the body names. Raises InvalidRequest where it names two organizations, and
        PermissionDenied where the caller may not act for them.
        """
        organization = organization_of(_text_of(self.org_id), _text_of(self.organization_id))
        return caller.acting_for(_text_of(self.user_id), organization)


def _text_of(named: str | int | None) -> str:
    return "" if named is None else str(named)


def _read_moment(value: object) -> object:
    """The second of Unix time that a text means. Raises PydanticCustomError."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise PydanticCustomError("datetime_parsing", "must be a time as 2027-06-05T08:30:00Z")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("datetime_parsing", "must be a time as 2027-06-05T08:30:00Z") from None
    if at.tzinfo is None:
        raise PydanticCustomError("timezone_aware", "must say its offset from UTC, as Z does")
    return int(at.timestamp())


def _read_digits(value: object) -> object:
    """Of a query or a path, which are texts: Python takes ` 1_0` and full-width digits for numbers, others do not."""
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise PydanticCustomError("int_parsing", "must be a whole number in digits, as 12")
    return value


Int32 = Annotated[int, Field(ge=-INT32, le=INT32 - 1)]
Int64 = Annotated[int, Field(ge=-INT64, le=INT64 - 1)]
InDigits = BeforeValidator(_read_digits)
"""Of numbers in a query or a path."""
AskedInt32 = Annotated[Int32, InDigits]
Moment = Annotated[int, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment in a request: it is read as Unix seconds."""
Shown = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment in an answer."""
