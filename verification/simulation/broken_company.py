"""Broken designs of group commit: what happened to one batch of a company is told of another.

A refusal that is told to the wrong one is tested directly: the protocol finds nothing in the way, or fails loudly.
"""

import pytest

from travio_inventory.protocol.batches import Applied, Kind, NotDone, Outcome, Partition, Refused, Rows, Unknown
from travio_inventory.store.group_commit import GroupCommit, Lane, Member
from verification.simulation.broken import broken
from verification.simulation.plan import Plan


@broken(
    "who was not to blame for a refused company is told that its batch was applied",
    "I3 I5",
    Plan(12, holders=7, popular=3, seats_per_group=6, in_company=True),
)
def _applied_in_a_refused_company(patch: pytest.MonkeyPatch) -> None:
    def judge(_self: GroupCommit, _lane: Lane, company: list[Member], rows: Rows) -> None:
        for member in company:
            member.end(Refused(rows) if member.is_refused_by(rows) else Applied())

    patch.setattr(GroupCommit, "_judge", judge)


@broken(
    "an unknown outcome of a company is told as not done",
    "I5",
    Plan(10, holders=12, popular=6, seats_per_group=6, faults=0.5, kills=0.0, in_company=True),
)
def _unknown_as_not_done(patch: pytest.MonkeyPatch) -> None:
    tell = GroupCommit._tell

    def told(self: GroupCommit, partition: Partition, company: list[Member], outcome: Outcome) -> None:
        is_unknown = isinstance(outcome, Unknown) and len(company) > 1
        tell(self, partition, company, NotDone("no answer") if is_unknown else outcome)

    patch.setattr(GroupCommit, "_tell", told)


@broken(
    "who is refused in a company is not told",
    "L3",
    Plan(0, holders=12, popular=3, seats_per_group=6, kills=0.0, in_company=True),
)
def _tell_nobody(patch: pytest.MonkeyPatch) -> None:
    """Of those who have a step to do, for others have nobody who would lose patience."""
    judge, end = GroupCommit._judge, Member.end

    def unless_step(member: Member, outcome: Outcome) -> None:
        if not any(write.key.kind is Kind.HOLD for write in member.writes):
            end(member, outcome)

    def judged(self: GroupCommit, lane: Lane, company: list[Member], standing: Rows) -> None:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(Member, "end", unless_step)
            judge(self, lane, company, standing)

    patch.setattr(GroupCommit, "_judge", judged)
