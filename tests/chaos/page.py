"""The page about one run: what was done, what went wrong on purpose, what callers were told, what was found."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.chaos.nemesis import FAULTS
from tests.chaos.run import Result
from tests.simulation.history import Answer, Call
from travio_inventory.cli.bench.report import commit, machine, versions

ANSWERS = (
    "`no`: refused for good. `ended`: the key's hold is over. `reused`: the key belongs to another request."
    " `again`: nothing was done, ask again. `unknown`: no answer."
)


def verdict_line(result: Result) -> str:
    """One line: whether every promise held."""
    broken = len(result.verdict.violations)
    said = "every promise held" if not broken else f"{broken} VIOLATIONS"
    return f"seed {result.options.seed}: {said}; {_calls(result)} calls, {result.verdict.oversold} cells oversold"


def page(result: Result) -> str:
    """Markdown."""
    parts = [
        [f"# Chaos, seed {result.options.seed}", "", f"**{verdict_line(result)}.**", "", f"`{command(result)}`"],
        _setting(result),
        ["## Faults", *_table(("fault", "times", "seconds in all"), _faults(result))],
        _skipped(result),
        ["## Calls", *_table(("call", *(answer.value for answer in Answer)), _answers(result))],
        [ANSWERS],
        ["## What was unknown, and how it was settled", *_table(("call", "how", "to what", "times"), _settled(result))],
        ["## What was found in the end", *_table(("", ""), _found(result))],
        ["## Violations", "", *(f"- {said}" for said in result.verdict.violations or ["none"])],
        ["## As it was", "", "```", *_as_it_was(result), "```"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def command(result: Result) -> str:
    """What does the same again, as far as the machine lets it."""
    options = result.options
    said = f"python -m tests.chaos --seconds {options.seconds:g} --seed {options.seed} --nodes {options.nodes}"
    return said if set(options.faults) == set(FAULTS) else f"{said} --faults {','.join(options.faults)}"


def _setting(result: Result) -> list[str]:
    of, made = machine(), ", ".join(f"{name} {version}" for name, version in versions().items())
    servers = (
        f"Two service processes, Cassandra 5.0 with {result.options.nodes} node(s), Redis, a CQL proxy per service"
    )
    return [f"{servers}. Commit {commit()}; {of['cores']} cores of {of['cpu']}, Python {of['python']}; {made}."]


def _faults(result: Result) -> Iterable[Sequence[object]]:
    times = Counter(one.planned.fault for one in result.struck)
    lasted = Counter[str]()
    for one in result.struck:
        lasted[one.planned.fault] += round(one.to_s - one.from_s)
    return [(FAULTS[name].what, times[name], lasted[name]) for name in result.options.faults if times[name]]


def _skipped(result: Result) -> list[str]:
    left = sorted(set(FAULTS) - {one.planned.fault for one in result.struck})
    return [f"Not done in this run: {', '.join(left)}."] if left else []


def _answers(result: Result) -> Iterable[Sequence[object]]:
    found = Counter((_name(call.op, has_key=call.has_key), call.answer) for call in _all(result))
    ops = sorted({op for op, _ in found})
    return [(op, *(found[op, answer] for answer in Answer)) for op in ops]


def _name(op: str, *, has_key: bool) -> str:
    return op if op != "hold" else "hold with a key" if has_key else "hold without a key"


def _settled(result: Result) -> Iterable[Sequence[object]]:
    return [(*how, times) for how, times in sorted(result.notebook.settled.items())]


def _found(result: Result) -> Iterable[Sequence[object]]:
    late_s = sorted(result.found.late_s.values())
    statuses = Counter(hold.status for remains in result.found.remains.values() for hold in remains.holds.values())
    told = [event["event_id"] for life in result.found.lives for event in life]
    yield "calls per second, faults and all", round(_calls(result) / result.load_s)
    yield "slowest answer, s", f"{max(_answered_s(result), default=0):.2f}"
    yield "holds of contended seats asked for by crowds", result.contended
    yield "cells oversold", result.verdict.oversold
    yield "trips", len(result.found.remains)
    yield from ((f"holds {status} in the record", count) for status, count in sorted(statuses.items()))
    if late_s:
        p50, p99 = (late_s[len(late_s) * share // 100] for share in (50, 99))
        yield "lateness of expiry p50 / p99 / worst, s", f"{p50:.2f} / {p99:.2f} / {late_s[-1]:.2f}"
        yield "earliest expiry, s after its time", f"{late_s[0]:.3f}"
    yield "events told (once each; in all)", f"{len(set(told))}; {len(told)}"
    yield "free seats won in the end, all of them asked for", result.found.won


def _as_it_was(result: Result) -> Iterable[str]:
    for (_, _, _, fault, target), from_s, to_s in sorted(result.struck, key=lambda struck: struck.from_s):
        yield f"{from_s:7.1f} - {to_s:6.1f} s  {fault} ({target})"


def _answered_s(result: Result) -> Iterable[float]:
    return (call.returned_s - call.invoked_s for call in _all(result) if call.answer is not Answer.UNKNOWN)


def _all(result: Result) -> Iterable[Call]:
    return (call for book in result.notebook.books for call in book.calls)


def _calls(result: Result) -> int:
    return sum(len(book.calls) for book in result.notebook.books)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["", *(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)]
