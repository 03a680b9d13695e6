"""What browsers load: the elements `<travio-seat-map>` and `<travio-stock>`, a module each, and pages."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files
from typing import Final

MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
PAGE: Final = "index.html"
CALLS: Final = "calls.html"
"""The page on which each call over HTTP can be tried."""
MODULE: Final = "seat-map.js"
PARTS: Final = (
    "texts", "answers", "service", "updates", "live", "words", "hold", "styles", "plan", "view", "element",
)  # fmt: skip
"""The files in seat-map/ that make the module, one behind the other: they share one scope."""
STOCK: Final = "stock.html"
"""The page that shows stock and movements by warehouse."""
PAGES: Final = (PAGE, CALLS, STOCK)
OTHERS: Final = (
    *PAGES,
    "calls.js",
    "calls.css",
    "demo.js",
    "demo.css",
    "stock.js",
    "stock-desk.js",
    "stock-preview.js",
    "stock-page.js",
    "icon.svg",
)


@dataclass(frozen=True)
class WebFile:
    """A file as it is sent."""

    name: str
    data: bytes

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.name[self.name.rindex(".") :]]

    @cached_property
    def etag(self) -> str:
        """Names its content."""
        return f'"{blake2b(self.data, digest_size=12).hexdigest()}"'

    @cached_property
    def zipped(self) -> bytes:
        """Compressed by gzip, the first time that it is asked for."""
        return gzip.compress(self.data, mtime=0)


def web_files() -> dict[str, WebFile]:
    """All of them, by name."""
    return {file.name: file for file in _all()}


def _all() -> Iterator[WebFile]:
    folder = files(__name__)
    parts = [folder.joinpath("seat-map", f"{part}.js").read_bytes() for part in PARTS]
    yield WebFile(MODULE, b"\n".join(parts))
    for name in OTHERS:
        yield WebFile(name, folder.joinpath(name).read_bytes())
