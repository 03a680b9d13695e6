"""The names in a client certificate."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

NAMES: Final = ("DNS", "URI")
"""The kinds of names in a certificate that name a service."""


def names_in(certificate: Mapping[str, Any]) -> Iterator[str]:
    """The names in a verified certificate, as `ssl` describes it: the alternative ones, or else the common name."""
    alternatives = [name for kind, name in certificate.get("subjectAltName", ()) if kind in NAMES]
    if alternatives:
        yield from alternatives
        return
    for relative in certificate.get("subject", ()):
        yield from (value for kind, value in relative if kind == "commonName")
