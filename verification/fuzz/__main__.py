"""Fuzz the lean server: `python -m verification.fuzz --seconds 300 --seed 1 [--keep]`.

What takes a step of the code that nothing before took is kept and changed further. `--keep` writes the corpus anew: the
fewest inputs found that take all steps. A fault ends the run with the input that shows it.
"""

import argparse
import sys
import time
from pathlib import Path
from random import Random

from verification.fuzz.coverage import Steps
from verification.fuzz.judge import WrongAnswerError
from verification.fuzz.mutations import mutated, seeds
from verification.fuzz.running import STALLS_EVERY, Runner, pieces_of, runner

CORPUS = Path(__file__).with_name("corpus.txt")
SIZES = ((4_096,), (1,), (9, 4_096), (700,), (13, 1, 40))
CORPUS_INPUT_BYTES_MAX = 3_000


class FoundError(Exception):
    """An input that the server answers wrongly."""

    def __init__(self, data: bytes, fault: Exception) -> None:
        super().__init__(f"{fault}\n{data.hex()}")


def corpus() -> list[bytes]:
    """The inputs in the tree, a line of hexadecimal digits each."""
    return [bytes.fromhex(line) for line in CORPUS.read_text().split()] if CORPUS.exists() else []


def try_input(run: Runner, data: bytes, number: int) -> None:
    """In pieces of some size, and with a peer that stops reading at times. Raises FoundError."""
    sizes = SIZES[number % len(SIZES)] if len(data) < 2_000 else SIZES[0]
    try:
        run.run(pieces_of(data, sizes), stalls=number % STALLS_EVERY == 0)
    except WrongAnswerError as fault:
        raise FoundError(data, fault) from fault


def takes_new_steps(steps: Steps, data: bytes, number: int) -> bool:
    """Of a server that is new, so that what an input does depends on nothing before it. Raises FoundError."""
    before = len(steps.taken)
    with runner() as run, steps.watched():
        try_input(run, data, number)
    return len(steps.taken) > before


def fuzz(seconds: float, seed: int, inputs: list[bytes]) -> tuple[list[bytes], int]:
    """The inputs that took new steps, and how many were tried. Raises FoundError."""
    random, steps, kept, tried = Random(seed), Steps(), list[bytes](), 0
    waiting = list(inputs)
    ends_at = time.perf_counter() + seconds
    while waiting or time.perf_counter() < ends_at:
        data = waiting.pop() if waiting else mutated(random.choice(kept), kept, random)
        if takes_new_steps(steps, data, tried):
            kept.append(data)
        tried += 1
    sys.stderr.write(f"{tried} inputs, {len(kept)} took new steps, {len(steps.taken)} steps in all\n")
    return kept, tried


def fewest(inputs: list[bytes]) -> list[bytes]:
    """Of those that are short, as many as it takes to take all their steps, the short ones first."""
    steps = Steps()
    short = [data for data in sorted(inputs, key=len) if len(data) <= CORPUS_INPUT_BYTES_MAX]
    return [data for data in short if takes_new_steps(steps, data, 0)]


def main() -> None:
    """Run the command that was typed."""
    parser = argparse.ArgumentParser(prog="python -m verification.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write the corpus anew")
    options = parser.parse_args()
    try:
        kept, _ = fuzz(options.seconds, options.seed, seeds() + corpus())
        if options.keep:
            chosen = fewest(kept)
            CORPUS.write_text("".join(f"{data.hex()}\n" for data in chosen))
            sys.stderr.write(f"{len(chosen)} in the corpus\n")
    except FoundError as found:
        sys.exit(f"found: {found}")


if __name__ == "__main__":
    main()
