"""The page about one run: the load, the faults, the answers, and what was found."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from travio_inventory.bench.report import commit, machine, versions
from travio_inventory.client import HoldLimitReached
from verification.chaos.crowds import CROWD
from verification.chaos.falls import FELT_S, NEXT_ANSWER_S_MAX, Felled, settle
from verification.chaos.nemesis import FAULTS
from verification.chaos.notebook import CLOCK_BOUND_MS
from verification.chaos.run import Result
from verification.chaos.timeliness import LATE_P99_S_MAX, LATE_S_MAX, share
from verification.simulation.history import Call, CallOutcome

ANSWERS = (
    "`no`: refused for good. `ended`: the key's hold is over. `reused`: the key belongs to another request."
    " `again`: nothing was done, ask again. `unknown`: no answer."
)


LATENESS = (
    f"Counted from the hold's time to the moment at which its end was recorded, by the database's clock;"
    f" so it includes the {CLOCK_BOUND_MS} ms that are waited on purpose, because clocks may differ by as much."
    f" Promised in quiet times: {LATE_P99_S_MAX:g} s (p99), {LATE_S_MAX:g} s at worst."
)
FALLS = (
    "In flight: sent to that service, and not yet answered when the signal was sent. Next answer: from the signal to"
    " the other service's first OK to a call made after it. Promised, where nothing else was wrong then or within"
    f" {FELT_S:g} s before: within {NEXT_ANSWER_S_MAX:g} s."
)


def verdict_line(result: Result) -> str:
    """One line: whether every promise held."""
    broken = len(result.verdict.violations)
    said = "every promise held" if not broken else f"{broken} VIOLATIONS"
    if result.too_late:
        said = f"{said if broken else 'safe'}, but TOO LATE: {'; '.join(result.too_late)}"
    return f"seed {result.options.seed}: {said}; {_calls(result)} calls, {result.verdict.oversold} cells oversold"


def page(result: Result) -> str:
    """Markdown."""
    parts = [
        [f"# Chaos, seed {result.options.seed}", "", f"**{verdict_line(result)}.**", "", f"`{command(result)}`"],
        _setting(result),
        [
            "## Faults",
            *(table(("fault", "times", "seconds in all"), _faults(result)) if result.struck else ["", "None."]),
        ],
        _skipped(result),
        ["## Calls", *table(("call", *(answer.value for answer in CallOutcome)), _answers(result))],
        [ANSWERS],
        ["## What was unknown, and how it was settled", *table(("call", "how", "to what", "times"), _settled(result))],
        *_fallen(result),
        [
            "## Holds whose time ran out",
            *table(("their time came", "holds", "p50, s", "p99, s", "worst, s"), _late(result)),
        ],
        [LATENESS],
        [
            "## Memory",
            *table(("resident, MiB", "at the start", "at the peak", "when the load ended"), _memory(result)),
        ],
        ["## What was found in the end", *table(("", ""), _found(result))],
        ["## Violations", "", *(f"- {said}" for said in [*result.verdict.violations, *result.too_late] or ["none"])],
        ["## As it was", "", "```", *_as_it_was(result), "```"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def command(result: Result) -> str:
    """The command that repeats the run, as far as a real machine can."""
    options = result.options
    said = f"python -m verification.chaos --seconds {options.seconds:g} --seed {options.seed} --nodes {options.nodes}"
    said += f" --holds-max {options.holds_max}"
    if options.brokers:
        said += f" --brokers {','.join(options.brokers)}"
    return said if set(options.faults) == set(FAULTS) else f'{said} --faults "{",".join(options.faults)}"'


def _setting(result: Result) -> list[str]:
    of, made = machine(), ", ".join(f"{name} {version}" for name, version in versions().items())
    servers = (
        f"Two service processes, Cassandra 5.0 with {result.options.nodes} node(s), Redis, a CQL proxy per service"
    )
    if result.options.brokers:
        servers += f", told events: {', '.join(result.options.brokers)}"
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
    found = Counter((_name(call), call.answer) for call in _all(result))
    ops = sorted({op for op, _ in found})
    return [(op, *(found[op, answer] for answer in CallOutcome)) for op in ops]


def _name(call: Call) -> str:
    if call.op == "hold":
        return "hold with a key" if call.has_key else "hold without a key"
    return f"{call.op} some seats" if call.parts else call.op.replace("_", " ")


def _settled(result: Result) -> Iterable[Sequence[object]]:
    return [(*how, times) for how, times in sorted(result.notebook.settled.items())]


def _fallen(result: Result) -> list[list[str]]:
    if not result.felled:
        return []
    ended = ("a service got", "times", "customers' calls in flight", "crowds'", "next answer p50, s", "worst, s")
    settled = (
        "a service got",
        "customer's call in flight",
        "how it was answered",
        "to what",
        "times",
        "after the signal p50, s",
        "worst, s",
    )
    return [
        ["## Services ended", *table(ended, _ends(result))],
        [FALLS],
        table(settled, _settled_after(result)),
    ]


def _ends(result: Result) -> Iterable[Sequence[object]]:
    for signal in ("SIGKILL", "SIGTERM"):
        felled = [one for one in result.felled if one.fall.signal == signal]
        alone = [one for one in felled if not one.others]
        yield signal, *_costs(felled)
        yield f"{signal}, and nothing else was wrong", *_costs(alone)


def _costs(felled: Sequence[Felled]) -> Sequence[object]:
    by_crowds = [call.holder.startswith(CROWD) for one in felled for call in one.in_flight]
    crowds = sum(by_crowds)
    return len(felled), len(by_crowds) - crowds, crowds, *_middle_and_worst([one.next_answer_s for one in felled])


def _settled_after(result: Result) -> Iterable[Sequence[object]]:
    after_s: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for one in settle(result.felled, result.notebook):
        after_s[one.fall.signal, one.call.op, one.how, one.to_what].append(one.after_s)
    return [(*how, len(values), *_middle_and_worst(values)) for how, values in sorted(after_s.items())]


def _middle_and_worst(values: Sequence[float]) -> Sequence[str]:
    ordered = sorted(values)
    return (f"{share(ordered, 50):.2f}", f"{ordered[-1]:.2f}") if ordered else ("-", "-")


def _late(result: Result) -> Iterable[Sequence[object]]:
    split = result.lateness
    disturbed = f"during a fault or within {FELT_S:g} s after it"
    for when, late_s in ("in quiet times", split.quiet_s), (disturbed, split.disturbed_s):
        yield when, len(late_s), *(f"{share(late_s, percent):.2f}" if late_s else "-" for percent in (50, 99, 100))


def _memory(result: Result) -> Iterable[Sequence[object]]:
    for name, of in sorted(result.memory.resident.items()):
        yield name, *map(round, (of.at_start, of.at_peak, of.at_end))


def _found(result: Result) -> Iterable[Sequence[object]]:
    late_s = result.found.late_s.values()
    statuses = Counter(hold.status for remains in result.found.remains.values() for hold in remains.holds.values())
    told_of_limit = sum(call.told == HoldLimitReached.reason for call in _all(result))
    told = [event["id"] for life in result.found.lives for event in life]
    yield "calls per second, faults and all", round(_calls(result) / result.load_s)
    yield "slowest answer, s", f"{max(_answered_s(result), default=0):.2f}"
    yield "holds of contended seats asked for by crowds", result.contended
    yield "cells oversold", result.verdict.oversold
    yield "trips", len(result.found.remains)
    yield from ((f"holds {status} in the record", count) for status, count in sorted(statuses.items()))
    if late_s:
        yield "earliest expiry, s after its time", f"{min(late_s):.3f}"
    yield "places on waiting lists", sum(len(remains.places) for remains in result.found.remains.values())
    if result.options.holds_max:
        yield f"holds refused because their holder had {result.options.holds_max}", told_of_limit
    yield "events told (once each; in all)", f"{len(set(told))}; {len(told)}"
    for name, steps in result.found.brokers.items():
        yield f"events that {name} has (once each; in all)", f"{len(set(steps))}; {len(steps)}"
    yield "free seats won in the end, all of them asked for", result.found.won


def _as_it_was(result: Result) -> Iterable[str]:
    for (_, _, _, fault, target), from_s, to_s in sorted(result.struck, key=lambda struck: struck.from_s):
        began_s = result.began_s
        yield f"{from_s - began_s:7.1f} - {to_s - began_s:6.1f} s  {fault} ({target})"


def _answered_s(result: Result) -> Iterable[float]:
    return (call.returned_s - call.invoked_s for call in _all(result) if call.answer is not CallOutcome.UNKNOWN)


def _all(result: Result) -> Iterable[Call]:
    return (call for book in result.notebook.books for call in book.all_calls)


def _calls(result: Result) -> int:
    return result.notebook.made


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table, after an empty line."""
    lines = [head, ["---"] * len(head), *rows]
    return ["", *(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)]
