"""How often a cache had what was looked up, and how often it had not."""


class Hits:
    """Count with `hits.found += 1` and `hits.missed += 1`."""

    __slots__ = ("found", "missed")

    def __init__(self) -> None:
        self.found = 0
        self.missed = 0
