"""A sink of NATS JetStream, as an operator writes it: `nats://USER@HOST:PORT?stream=NAME&subject=PREFIX&shape=SHAPE`."""

import re
from dataclasses import dataclass

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, Login, Tls
from travio_inventory.kernel.addresses import Address

PORT = 4222
FORM = "nats://HOST:PORT?stream=NAME&subject=PREFIX&shape=SHAPE"
STREAM = "inventory"
SUBJECT = "inventory.events"
KEEP_HOURS = 7 * 24

_STREAM = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SUBJECT = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,15}")
_SUBJECT_LENGTH_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsStream:
    """The stream, the subjects that begin with `subject`, how to reach it, and what it gets. If it `creates` the stream
    where it is absent, that has so many `replicas` and keeps a message for `keep_hours` (0 = for ever). One call to
    publish takes at most `publish_seconds_max`; a message is at most `message_bytes_max` long.
    """

    servers: tuple[Address, ...]
    stream: str
    subject: str
    creates: bool
    replicas: int
    keep_hours: int
    shape: Shape
    login: Login | None
    tls: Tls | None
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"subject {self.subject} at {', '.join(map(str, self.servers))}"


def parse_nats(text: str) -> NatsStream:
    """What the URL says. Raises ValueError."""
    url = BrokerUrl(text, port_default=PORT)
    stream, subject = url.text("stream", STREAM), url.text("subject", SUBJECT)
    if not _STREAM.fullmatch(stream):
        raise ValueError("has a wrong stream: up to 128 of a-z, A-Z, 0-9, _ and -")
    if not _SUBJECT.fullmatch(subject) or len(subject) > _SUBJECT_LENGTH_MAX:
        raise ValueError("has a wrong subject: words of a-z, A-Z, 0-9, _ and -, with a dot between two of them")
    made = NatsStream(
        servers=url.servers,
        stream=stream,
        subject=subject,
        creates=url.switch("create", default=False),
        replicas=url.number("replicas", 1, least=1, most=5),
        keep_hours=url.number("keep_hours", KEEP_HOURS, least=0, most=87_600),
        shape=url.word("shape", Shape.NATIVE),
        login=url.login(),
        tls=url.tls(),
        publish_seconds_max=url.number("publish_seconds_max", 10, least=1, most=60),
        message_bytes_max=url.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    url.end()
    return made
