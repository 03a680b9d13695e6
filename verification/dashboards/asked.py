"""Expressions for Prometheus, made of the metrics by name: what does not exist cannot be asked for."""

from collections.abc import Iterable
from typing import Final

from travio_inventory.telemetry.families import INFO, Family, Kind

WINDOW: Final = "$__rate_interval"
NAMESPACE: Final = 'namespace=~"$namespace"'
OF_EACH: Final = ("instance", "worker")
"""What tells processes apart: `worker` among those of one address."""


def series(family: Family, part: str = "", **where: str) -> str:
    """The series of a family, of those namespaces that are chosen. `grpc_code="!~A|B"` says what a label must be: it
    begins with `=`, `!=`, `=~` or `!~`.
    """
    assert set(where) <= {*family.labels, "le"}, (family.name, where)
    matchers = [NAMESPACE, *(f'{label}{_operator(said)}"{said.lstrip("=!~")}"' for label, said in where.items())]
    return f"{family.name}{part}{{{','.join(matchers)}}}"


def _operator(said: str) -> str:
    operator = said[: len(said) - len(said.lstrip("=!~"))]
    assert operator in ("=", "!=", "=~", "!~"), said
    return operator


def rate(family: Family, by: Iterable[str] = (), **where: str) -> str:
    """How often a second, together or by labels."""
    part = "_count" if family.kind is Kind.HISTOGRAM else ""
    assert family.kind is not Kind.GAUGE, family.name
    return _over("sum", f"rate({series(family, part, **where)}[{WINDOW}])", family, by)


def mean(family: Family, by: Iterable[str] = (), **where: str) -> str:
    """How long on average; nothing while nothing happens."""
    by = [*by]
    total = _over("sum", f"rate({series(family, '_sum', **where)}[{WINDOW}])", family, by)
    return f"{total} / ({rate(family, by, **where)} > 0)"


def quantile(share: float, family: Family, by: Iterable[str] = (), **where: str) -> str:
    """How long this share of them took at most."""
    assert family.kind is Kind.HISTOGRAM, family.name
    buckets = _over("sum", f"rate({series(family, '_bucket', **where)}[{WINDOW}])", family, ["le", *by])
    return f"histogram_quantile({share}, {buckets})"


def gauge(how: str, family: Family, by: Iterable[str] = (), **where: str) -> str:
    """What it shows now: the sum, the smallest or the largest, together or by labels."""
    assert family.kind is Kind.GAUGE, family.name
    return _over(how, series(family, **where), family, by)


def of_processes(asked: str) -> str:
    """Of our processes alone, where a name is that of other services too."""
    return f"{asked} and on (instance) {series(INFO)}"


def _over(how: str, asked: str, family: Family, by: Iterable[str]) -> str:
    by = [*by]
    assert {*by} <= {*family.labels, "le", *OF_EACH}, (family.name, by)
    return f"{how} by ({', '.join(by)}) ({asked})" if by else f"{how}({asked})"
