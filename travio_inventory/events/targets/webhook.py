"""A sink that is a webhook, as an operator writes it: `https://HOST/PATH?QUERY#secret_file=FILE&shape=SHAPE`."""

from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from travio_inventory.events.shapes import Shape
from travio_inventory.events.targets.broker_url import BrokerUrl, SecretFile, Tls
from travio_inventory.kernel.addresses import Address

PORT = 80
TLS_PORT = 443
FORM = "https://HOST/PATH?QUERY#OPTIONS"
URL_LENGTH_MAX = 2_048
DIGEST_LENGTH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrl:
    """Where to post, never shown, for a path or query may be a secret; the file of the secrets that sign; and what it
    gets, for at most `at_once` trips at a time. One call to publish takes at most `publish_seconds_max`, a request half
    of that; a message is at most `message_bytes_max` long.
    """

    url: str = field(repr=False)
    server: Address
    secrets: SecretFile
    at_once: int
    shape: Shape
    tls: Tls | None
    publish_seconds_max: int
    message_bytes_max: int

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"webhook {sha256(self.url.encode()).hexdigest()[:DIGEST_LENGTH]} at {self.server}"


def parse_webhook(text: str) -> WebhookUrl:
    """What the URL says. Its fragment, which is never sent, has our options. Raises ValueError."""
    address, _, options = text.partition("#")
    if len(address) > URL_LENGTH_MAX or not (address.isascii() and address.isprintable()) or " " in address:
        raise ValueError(f"has a wrong URL: up to {URL_LENGTH_MAX} characters of ASCII, others as %XX, without spaces")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise ValueError("has a wrong URL: write https://HOST:PORT/PATH") from None
    is_secure = parts.scheme == "https"
    if "@" in parts.netloc:
        raise ValueError("has a user or password in its URL, which would be sent openly: it is signed instead")
    if ";" in parts.netloc:
        raise ValueError("names several servers: a webhook has one, a comma in its URL is %2C")
    chosen = BrokerUrl(
        f"{parts.scheme}://{parts.netloc}?{options}",
        port_default=TLS_PORT if is_secure else PORT,
        tls_default=is_secure,
    )
    file, tls = chosen.path_of("secret_file"), chosen.tls()
    if file is None:
        raise ValueError("needs secret_file=FILE after a #: a line with the secret that signs, whsec_ and base64")
    if is_secure != (tls is not None):
        raise ValueError("has a tls that its URL contradicts: https:// is with TLS, http:// without")
    made = WebhookUrl(
        url=address,
        server=chosen.servers[0],
        secrets=SecretFile(file, "secret_file"),
        at_once=chosen.number("at_once", 8, least=1, most=64),
        shape=chosen.word("shape", Shape.NATIVE),
        tls=tls,
        publish_seconds_max=chosen.number("publish_seconds_max", 20, least=2, most=120),
        message_bytes_max=chosen.number("message_bytes_max", 1_000_000, least=1_000, most=100_000_000),
    )
    chosen.end()
    return made
