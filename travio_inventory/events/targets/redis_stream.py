"""A sink of Redis streams, as an operator writes it: `redis://USER@HOST:PORT/DB?stream=KEY&maxlen=N&shape=SHAPE`."""

import re
from dataclasses import dataclass

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, Login, Tls
from travio_inventory.kernel.addresses import Address

PORT = 6379
FORM = "redis://HOST:PORT/DB?stream=KEY&maxlen=N&shape=SHAPE"
STREAM = "inventory:events"
MESSAGES_MAX = 1_000_000
DATABASES_MAX = 16_384

_KEY = re.compile(r"[A-Za-z0-9._:{}-]{1,256}")
_MASTER = re.compile(r"[A-Za-z0-9._-]{0,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStreams:
    """The streams, how to reach them, and what they get. With `slices` there are so many, `stream:0` and so on, and a
    trip's messages are in one of them. A stream keeps about `messages_max` messages, the newest (0 = all). With a
    `master`, the servers are the sentinels that know it. A message counts as safe when so many `replicas` have it. One
    call to publish takes at most `publish_seconds_max`; a message is at most `message_bytes_max` long.
    """

    servers: tuple[Address, ...]
    database: int
    master: str
    stream: str
    slices: int
    messages_max: int
    replicas: int
    shape: Shape
    login: Login | None
    tls: Tls | None
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"stream {self.stream} of {self.database} at {', '.join(map(str, self.servers))}"


def parse_redis_streams(text: str) -> RedisStreams:
    """What the URL says. Raises ValueError."""
    is_secure = text.startswith("rediss:")
    url = BrokerUrl(text, port_default=PORT, tls_default=is_secure)
    stream, master = url.text("stream", STREAM), url.text("sentinel", "")
    if not _KEY.fullmatch(stream):
        raise ValueError("has a wrong stream: up to 256 of a-z, A-Z, 0-9, ., _, :, -, { and }")
    if not _MASTER.fullmatch(master):
        raise ValueError("has a wrong sentinel: the name of the master, up to 64 of a-z, A-Z, 0-9, ., _ and -")
    if len(url.servers) > 1 and not master:
        raise ValueError("names several servers, which are sentinels: name their master, as in sentinel=NAME")
    tls = url.tls()
    if is_secure and tls is None:
        raise ValueError("is rediss: with tls=off")
    made = RedisStreams(
        servers=url.servers,
        database=_database(url.path),
        master=master,
        stream=stream,
        slices=url.number("slices", 1, least=1, most=256),
        messages_max=url.number("maxlen", MESSAGES_MAX, least=0, most=1_000_000_000),
        replicas=url.number("replicas", 0, least=0, most=10),
        shape=url.word("shape", Shape.NATIVE),
        login=url.login(),
        tls=tls,
        publish_seconds_max=url.number("publish_seconds_max", 10, least=1, most=60),
        message_bytes_max=url.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    url.end(with_path=True)
    return made


def _database(path: str) -> int:
    if not (path == "" or (path.isascii() and path.isdigit() and len(path) < 6 and int(path) < DATABASES_MAX)):
        raise ValueError("has a wrong database: a number after the servers, as in /0")
    return int(path or 0)
