"""Requests and answers whose members are written in camel case."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from travio_inventory.api.rest.json_types import NamingBody, OldBody


class CamelBody(OldBody):
    """A request."""

    model_config = ConfigDict(alias_generator=to_camel)


class CamelNamingBody(NamingBody):
    """A request that may say whom it is for."""

    model_config = ConfigDict(alias_generator=to_camel)


class CamelAnswer(BaseModel):
    """An answer."""

    model_config = ConfigDict(alias_generator=to_camel)
