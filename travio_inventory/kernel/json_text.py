"""Values as compact JSON. The encoder is set up once; `json.dumps` sets one up for each text."""

import json.encoder
from collections.abc import Callable, Iterable
from typing import Any

_Encode = Callable[[Any], str]


def _encoder(*, is_ascii: bool) -> _Encode:
    """Encodes as `json.dumps` does, but does not look for a value that contains itself."""
    settings = json.JSONEncoder(ensure_ascii=is_ascii, check_circular=False, separators=(",", ":"))
    of_text = json.encoder.encode_basestring_ascii if is_ascii else json.encoder.encode_basestring
    set_up = vars(json.encoder)["c_make_encoder"]  # None without an encoder in C
    if set_up is None:
        return settings.encode
    parts: Callable[[Any, int], Iterable[str]] = set_up(
        None, settings.default, of_text, None, ":", ",", False, False, True
    )
    return lambda value: "".join(parts(value, 0))


encode = _encoder(is_ascii=False)
"""The value as JSON, in which all characters are themselves."""
encode_ascii = _encoder(is_ascii=True)
"""The value as JSON in ASCII."""
