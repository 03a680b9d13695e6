"""An object that names a member twice is none, and to find that out takes no longer than to read it."""

import json
import time

import pytest

from travio_inventory.kernel.json_members import NamedTwice, members_once

MANY = 60_000
READ_S_MAX = 2.0
"""Of processor time: a hundred times as long as it takes; to compare each name with all others takes half a minute."""


def read(text: str) -> object:
    return json.loads(text, object_pairs_hook=members_once)


def test_what_names_each_member_once_is_read() -> None:
    assert read('{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}') == {"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '[{"b": {"x": 1, "a": 2, "y": 3, "a": 4}}]', '{"a": 1, "\\u0061": 2}']
)
def test_the_first_name_that_is_there_again_is_told(text: str) -> None:
    with pytest.raises(NamedTwice, match="an object names 'a' twice") as refused:
        read(text)
    assert refused.value.name == "a"


def test_however_many_names_there_are_one_that_is_there_again_is_found_at_once() -> None:
    members = [(f"name-{number}", None) for number in range(MANY)]
    began_s = time.thread_time()
    with pytest.raises(NamedTwice, match=f"name-{MANY - 1}"):
        members_once([*members, members[-1]])
    assert time.thread_time() - began_s < READ_S_MAX
