"""JSON objects that name each member once: of two values one reader takes the first, another the last."""

from typing import Any


class NamedTwice(ValueError):
    """An object has two members of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an object names {name[:100]!r} twice")
        self.name = name[:100]


def members_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, as `json` makes it of its members (`object_pairs_hook`). Raises NamedTwice."""
    made = dict(members)
    if len(made) < len(members):
        raise NamedTwice(_twice([name for name, _ in members]))
    return made


def _twice(names: list[str]) -> str:
    """The first that is there again."""
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
