"""What every store must do with index entries: found in their bucket, with or without a batch."""

from uuid import uuid4

import pytest

from tests.store.partitions import Group, index_entry
from tests.store.written_rows import A1, A2, EVENT, FREE, HELD, TOLD
from travio_inventory.protocol.batches import Applied, Index, Refused, Write


async def test_an_index_entry_is_found_in_its_bucket_only_and_once(group: Group) -> None:
    bucket = uuid4().hex
    for entry in ("b", "a", "b", "\U0001f683", "B"):
        await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(entry, bucket), index_entry("z", f"{bucket}0")])
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["B", "a", "b", "\U0001f683"]
    assert list(await group.store.read_index(Index.JOURNAL, bucket)) == []
    assert list(await group.store.read_index(Index.EXPIRY, f"{bucket}0")) == ["z"]


@pytest.mark.parametrize(("most", "entries"), [(None, 9), (0, 0), (4, 4), (9, 9), (50, 9)])
async def test_index_entries_are_given_up_to_the_number_asked_for(group: Group, most: int | None, entries: int) -> None:
    bucket = uuid4().hex
    await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(str(number), bucket) for number in range(9)])
    found = await group.store.read_index(Index.EXPIRY, bucket, most=most)
    assert list(found) == [str(number) for number in range(entries)]


async def test_a_bucket_is_read_on_from_where_one_stopped(group: Group) -> None:
    bucket = uuid4().hex
    await group.apply(Write(EVENT, {}, TOLD), entries=[index_entry(str(number), bucket) for number in range(9)])
    for after, most, found in (("3", 2, "45"), ("35", 2, "45"), ("7", 9, "8"), ("8", 9, ""), ("6", None, "78")):
        assert "".join(await group.store.read_index(Index.EXPIRY, bucket, after=after, most=most)) == found


async def test_the_index_entries_of_a_refused_batch_are_kept(group: Group) -> None:
    bucket = uuid4().hex
    outcome = await group.apply(
        Write(A1, FREE, HELD),
        Write(A2, FREE, HELD),
        entries=[index_entry("x", bucket), index_entry("y", bucket, Index.JOURNAL)],
    )
    assert isinstance(outcome, Refused)
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["x"]
    assert list(await group.store.read_index(Index.JOURNAL, bucket)) == ["y"]


async def test_what_follows_a_batch_is_added_once_it_is_applied(group: Group) -> None:
    bucket = uuid4().hex
    refused = await group.apply(Write(A1, FREE, HELD), entries=[index_entry("refused", bucket, Index.HOLDS)])
    assert isinstance(refused, Refused)
    assert list(await group.store.read_index(Index.HOLDS, bucket)) == []
    await group.apply(Write(A1, {}, FREE), entries=[index_entry("applied", bucket, Index.HOLDS)])
    await group.apply(entries=[index_entry("alone", bucket, Index.HOLDS)])
    assert list(await group.store.read_index(Index.HOLDS, bucket)) == ["alone", "applied"]


async def test_index_entries_may_travel_without_a_batch(group: Group) -> None:
    bucket = uuid4().hex
    assert isinstance(await group.store.apply(group.partition, [], [index_entry("x", bucket)]), Applied)
    assert list(await group.store.read_index(Index.EXPIRY, bucket)) == ["x"]
