"""The document of events has a section for each kind of sink, with every option that it takes, and their defaults."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from travio_inventory.events.choice import URL_KINDS, Target, parse_sink, parse_sinks
from travio_inventory.events.targets import broker_url, kafka, nats, rabbitmq, redis_stream, webhook

DOCUMENT = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
TAKEN = re.compile(r"(?:url|chosen)\.(?:text|switch|number|word|path_of)\(\"(\w+)\"")
OF_LOGINS = {"password_file"}
OF_TLS = {"tls", "ca_file", "cert_file", "key_file"}


class Kind(NamedTuple):
    """A section of the document: what reads its sinks, the shortest one, and what it takes of logins and of TLS."""

    module: ModuleType
    shortest: str
    shared: set[str] = OF_LOGINS | OF_TLS

    @property
    def taken(self) -> set[str]:
        """Every option that is taken."""
        return {*TAKEN.findall(inspect.getsource(self.module)), *self.shared}


KINDS = {
    "Kafka": Kind(kafka, "kafka://a"),
    "RabbitMQ": Kind(rabbitmq, "amqp://a"),
    "NATS": Kind(nats, "nats://a"),
    "Redis streams": Kind(redis_stream, "redis://a"),
    "Webhook": Kind(webhook, "https://a/#secret_file=f", OF_TLS - {"tls"}),
}


def section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def options(title: str) -> Iterator[tuple[str, str]]:
    """Each option that the section names, with its default."""
    for names, default in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \|", section(title), re.MULTILINE):
        for name in re.findall(r"\w+", names):
            yield name, default.strip("`")


def test_every_kind_has_a_section_and_an_example_that_is_read() -> None:
    shown = {title: re.findall(r"^TRAVIO_EVENTS='(.*)'$", section(title), re.MULTILINE) for title in KINDS}
    assert [title for title, lines in shown.items() if not lines] == []
    chosen = [sink.target for lines in shown.values() for line in lines for sink in parse_sinks(line)]
    assert {type(each) for each in chosen} >= {type(parse_sink(kind.shortest).target) for kind in KINDS.values()}
    known = {kind.shortest.partition("://")[0] for kind in KINDS.values()}
    assert set(URL_KINDS) == known | {"amqps", "rediss", "http"}


@pytest.mark.parametrize("title", KINDS)
def test_a_section_names_every_option_and_no_other(title: str) -> None:
    assert {name for name, _ in options(title)} == KINDS[title].taken


@pytest.mark.parametrize("title", KINDS)
def test_a_default_is_the_one_that_counts(title: str) -> None:
    target: Target = parse_sink(KINDS[title].shortest).target
    told = {name: default for name, default in options(title) if hasattr(target, name) and name != "tls"}
    assert len(told) > 3
    assert told == {name: str(getattr(target, name)) for name in told} | {
        name: said for name, said in told.items() if said.startswith("by shape")
    }


def test_the_options_of_logins_and_of_tls_are_those_of_their_reader() -> None:
    assert set(re.findall(r"(?:path_of|switch)\(\"(\w+)\"", inspect.getsource(broker_url))) <= OF_LOGINS | OF_TLS
