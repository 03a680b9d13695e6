"""docs/seat-map.md names all that a page can use of the element, and nothing that is not there."""

import re
from pathlib import Path

from travio_inventory.ui import MODULE, web_files

SOURCE = web_files()[MODULE].data.decode()
PAGE = (Path(__file__).parent.parent.parent / "docs" / "seat-map.md").read_text()
NAMED = set(re.findall(r"`([\w./:-]+?)(?:\([^`]*\))?`", PAGE))
OF_THE_ELEMENT = SOURCE[SOURCE.index("export class TravioSeatMap") :]
CALLED_BY_THE_BROWSER = {"constructor", "connectedCallback", "disconnectedCallback", "attributeChangedCallback"}


def names(pattern: str, text: str = SOURCE) -> set[str]:
    found = set(re.findall(pattern, text, re.MULTILINE))
    assert found
    return found


def attributes() -> set[str]:
    """The attributes of the element."""
    lists = re.findall(r"^const (?:\w+_)?ATTRIBUTES = .*;$|observedAttributes = .*;$", SOURCE, re.MULTILINE)
    assert len(lists) == 4
    return names(r'"([\w-]+)"', "".join(lists))


def as_property(attribute: str) -> str:
    """The name of the property of that attribute."""
    first, *others = attribute.split("-")
    return first + "".join(map(str.capitalize, others))


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under that heading, row by row."""
    table = PAGE[PAGE.index(f"\n## {heading}\n") :].partition("| --- ")[2].partition("\n\n")[0]
    found = [line.strip("| ").split(" | ") for line in table.splitlines()[1:]]
    assert found
    return found


def named_in(heading: str) -> set[str]:
    """What the first cells of that table name."""
    return {name for first, *_ in rows_of(heading) for name in re.findall(r"`([\w-]+)", first)}


def properties() -> set[str]:
    """What is no attribute; and `holdToken`, which is more than one."""
    given = SOURCE[SOURCE.index("const GIVEN =") :].partition("\n")[0]
    read = names(r"^  get (\w+)\(", OF_THE_ELEMENT) - set(map(as_property, attributes()))
    return read | names(r"(\w+): ", given) | {"holdToken"}


def seat_members() -> set[str]:
    """Of a seat in events."""
    said = re.search(r"is `\{([^}]*)\}`; `price`", PAGE)
    assert said is not None
    return set(said[1].replace("\n", " ").split(", "))


def told_with(detail: str) -> set[str]:
    """The members of the `detail` of an event, as its row says them."""
    said = re.match(r"`\{([^}]*)\}`", detail)
    return set(said[1].split(", ")) if said else seat_members()


def events() -> dict[str, set[str]]:
    """The events that are documented, named as in their callbacks, with the members of each `detail`."""
    rows = rows_of("Events and callbacks")
    return {name: told_with(detail) for _, called, detail in rows for name in re.findall(r"`on(\w+)`", called)}


def test_exactly_the_attributes_are_documented() -> None:
    assert named_in("Attributes") == attributes()


def test_exactly_the_properties_and_methods_are_documented() -> None:
    assert named_in("Properties") == properties()
    methods = names(r"^  (?:async )?([a-z]\w*)\(.*\) \{$", OF_THE_ELEMENT)
    assert named_in("Methods") == methods - CALLED_BY_THE_BROWSER


def test_exactly_the_events_that_are_sent_are_documented() -> None:
    sent = names(r'#emit\("(\w+)"')
    assert events().keys() == sent
    assert named_in("Events and callbacks") == {name.lower() for name in sent}


def test_exactly_the_parts_and_custom_properties_for_styles_are_documented() -> None:
    style = PAGE[PAGE.index("\n## Style\n") :].partition("\n\n")[0]
    parts = names(r'part: "(\w+)"') | {"seat", "seat-available", "seat-blocked"}
    assert names(r"`([a-z][\w-]*)`", style.partition("Parts for")[2]) == parts
    colours = names(r"^  (--.*)$", SOURCE[: SOURCE.index("display: block")])
    assert names(r"`(--[\w-]+)`", style) == names(r"(--[\w-]+):", " ".join(colours)) - {"--radius", "--size"}


def test_every_text_is_there_and_none_is_left_over() -> None:
    start, end = SOURCE.index("export const TEXTS"), SOURCE.index("const STATES")
    texts, rest = names(r"^  (\w+): ", SOURCE[start:end]), SOURCE[end:]
    assert names(r'(?:\.say|view\.tell)\("(\w+)"', rest) <= texts
    assert {text for text in texts if f'"{text}"' not in rest} == set()
