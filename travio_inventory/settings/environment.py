"""The variables of the environment: which of them are settings, and which describe other services."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from travio_inventory.settings.words import one_line

PREFIX = "TRAVIO_"
BARE_NAMES = {
    "GRPC_PORT",
    "HTTP_PORT",
    "METRICS_PORT",
    "CORS_ORIGIN",
    "SCYLLA_HOSTS",
    "REDIS_ADDR",
    "HOLD_TTL_SECONDS",
    "REFUSALS",
    "EVENTS",
    "EVENTS_IN",
    "KAFKA_BROKERS",
    "KAFKA_GROUP_ID",
    "KAFKA_TOPIC_INVENTORY_EVENTS",
    "KAFKA_TOPIC_ORDER_EVENTS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
}
"""Also accepted without the prefix; if both are set, the prefixed name wins."""
TEST_PREFIX = "TRAVIO_TEST_"
CLIENT_NAMES = {
    "TRAVIO_TARGET", "TRAVIO_TARGET_TLS", "TRAVIO_TARGET_CA_FILE", "TRAVIO_ORGANIZATION", "TRAVIO_USER",
    "TRAVIO_TOKEN", "TRAVIO_TOKEN_FILE", "TRAVIO_TO_SINK",
}  # fmt: skip
"""Not settings of the service: which service the command line calls, for which user, and where to it replays."""

RENAMED = MappingProxyType({"TRAVIO_WORKERS": "TRAVIO_BACKGROUND"})
"""Old names of variables, and their new names."""

_LINK_FORMS = (
    (re.compile(r"(\w+_)?PORT(_\d+_(TCP|UDP|SCTP))?"), re.compile(r"(tcp|udp|sctp)://\S+:\d+")),
    (re.compile(r"(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PROTO"), re.compile(r"tcp|udp|sctp")),
    (re.compile(r"(\w+_)?(SERVICE_HOST|PORT_\d+_(TCP|UDP|SCTP)_ADDR)"), re.compile(r"[0-9a-fA-F.:]+")),
    (re.compile(r"(\w+_)?(SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)_PORT)"), re.compile(r"\d+")),
)
"""Names and values of the variables that Kubernetes sets in every container for each Service, and Docker for links."""


def names(key: str) -> tuple[str, ...]:
    """The variables that set this key; the first wins: TRAVIO_GRPC_PORT sets `grpc_port`."""
    bare = key.upper()
    return (PREFIX + bare, bare) if bare in BARE_NAMES else (PREFIX + bare,)


def variables() -> Mapping[str, str]:
    """The environment without the variables that describe other services."""
    return {name: value for name, value in os.environ.items() if not _is_service_link(name, value)}


def shadowed_variables(ours: Collection[str]) -> Mapping[str, str]:
    """Variables with the name of a setting that describe another service, and so are ignored."""
    return {name: value for name, value in os.environ.items() if name in ours and _is_service_link(name, value)}


def is_set(key: str) -> bool:
    """Whether a variable sets the key; an empty one does not."""
    read = variables()
    return any(read.get(name) for name in names(key))


def name_used(key: str) -> str:
    """The variable that sets the key; if none does, the one that would win."""
    read = variables()
    return next((name for name in names(key) if read.get(name)), names(key)[0])


def unknown_variables(ours: Collection[str]) -> Iterator[str]:
    """A line for each variable with our prefix that is not a setting: a misspelt setting must not be ignored.

    The line leaves out the value, which may be a password.
    """
    known = CLIENT_NAMES | set(ours)
    for name in sorted(variables()):
        if not name.upper().startswith(PREFIX) or name in known or name.startswith(TEST_PREFIX):
            continue
        yield f"{one_line(name)}: no such setting; {_advice(name.upper(), known)}"


def _advice(name: str, known: Iterable[str]) -> str:
    if name in RENAMED:
        return f"its new name is {RENAMED[name]}"
    close = _like(name, known)
    return f"did you mean {close}?" if close else "`travio-inventory settings` lists all of them"


def _like(name: str, known: Iterable[str]) -> str:
    """The known name that is most similar, "" if none is. The common prefix does not count."""
    bare = {each.removeprefix(PREFIX): each for each in known if each.startswith(PREFIX)}
    close = get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return bare[close[0]] if close else ""


def _is_service_link(name: str, value: str) -> bool:
    """Whether Kubernetes or Docker set the variable. A Service called "travio-grpc" also has a TRAVIO_GRPC_PORT."""
    return any(named.fullmatch(name) and valued.fullmatch(value) for named, valued in _LINK_FORMS)
