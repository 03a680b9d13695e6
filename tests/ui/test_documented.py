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


def test_every_attribute_is_documented() -> None:
    assert attributes() <= NAMED


def test_every_property_and_method_is_documented() -> None:
    assert names(r"^  get (\w+)\(", OF_THE_ELEMENT) - set(map(as_property, attributes())) <= NAMED
    methods = names(r"^  (?:async )?([a-z]\w*)\(.*\) \{$", OF_THE_ELEMENT)
    assert methods - CALLED_BY_THE_BROWSER <= NAMED


def test_exactly_the_events_that_are_sent_are_documented() -> None:
    sent = names(r'#emit\("(\w+)"')
    rows = PAGE[PAGE.index("| event |") :].partition("\n\n")[0]
    assert names(r"`(on[A-Z]\w+)`", rows) == {f"on{name}" for name in sent}
    assert {name.lower() for name in sent} <= NAMED


def test_the_parts_and_custom_properties_for_styles_are_documented() -> None:
    assert names(r'part: "(\w+)"') <= NAMED
    colours = names(r"^  (--.*)$", SOURCE[: SOURCE.index("display: block")])
    assert names(r"(--[\w-]+):", " ".join(colours)) - {"--radius", "--size"} <= NAMED


def test_every_text_is_there_and_none_is_left_over() -> None:
    start, end = SOURCE.index("export const TEXTS"), SOURCE.index("const STATES")
    texts, rest = names(r"^  (\w+): ", SOURCE[start:end]), SOURCE[end:]
    assert names(r'(?:\.say|view\.tell)\("(\w+)"', rest) <= texts
    assert {text for text in texts if f'"{text}"' not in rest} == set()
