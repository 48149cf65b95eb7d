"""What a submission costs with nbgrader, nbval, otter and our judge: one exercise, CPU seconds, children included.

Each grader starts as its users start it; what it costs to grade one more is the cost of several less the cost of one.
`otter run` takes one submission at a time, so its start is part of each. The physical limit is the same cells in one
warm process. The peers check by plain `assert`; ours watches with five probes as well, so "same cells" are ours.
Every grader must give the points that the sheets deserve, else there is no figure.

nbgrader comes from `requirements-nbgrader.lock`, as for the tests. otter-grader 7.0.0 is installed on first use into
`.cache/otter`, on the versions of the course's own lock: only this file runs it, so it has no lock of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass

from _grading_ways import (
    Way,
    adopt_orphans,
    graded,
    make_environments,
    nbgrader,
    nbval,
    otter,
    ours,
    plain_cells,
    same_cells,
)

ROUNDS, SUBMISSIONS = 3, 4
FINER = 10  # ours is so much cheaper that it takes as many more sheets to see one above the noise of a start
TARGETS = {"nbgrader autograde": 20.0, "nbval, one more": 14.0, "otter run": 60.0}
LIMIT = ("warm process, same cells", 2.0)
OURS = "ours"


@dataclass(frozen=True)
class Row:
    """CPU and wall seconds of one more submission."""

    cpu: float
    wall: float


def one_more(way: Way, count: int) -> tuple[Row, Row, list[str]]:
    """Return what one more submission costs, what each costs in a batch of `count`, and the isolation."""
    first, all_of_them = graded(way, 1), graded(way, count)
    more = Row((all_of_them.cpu - first.cpu) / (count - 1), (all_of_them.wall - first.wall) / (count - 1))
    return more, Row(all_of_them.cpu / count, all_of_them.wall / count), all_of_them.isolation


def measure(count: int) -> tuple[dict[str, Row], list[str]]:
    """Return a row per way, all measured in turn, and the isolation that our verdicts had."""
    found: dict[str, Row] = {}
    found["nbgrader autograde"], _, _ = one_more(nbgrader, count)
    found["nbval, one more"], found["nbval, batch"], _ = one_more(nbval, count)
    alone = graded(otter, 2)
    found["otter run"] = Row(alone.cpu / 2, alone.wall / 2)
    found[LIMIT[0]], _, _ = one_more(same_cells, count * FINER)
    found["warm process, plain cells"], _, _ = one_more(plain_cells, count * FINER)
    found[OURS], found["ours, batch"], isolation = one_more(ours, count * FINER)
    return found, isolation


def report(rounds: list[dict[str, Row]]) -> bool:
    """Print the medians and ratios; return whether every target is met."""
    is_met = True
    print(f"{'':26} {'CPU':>9} {'wall':>9} {'CPU / ours':>11}   target")
    for name in rounds[0]:
        cpu, wall = (statistics.median(getattr(found[name], kind) for found in rounds) for kind in ("cpu", "wall"))
        ratio = statistics.median(found[name].cpu / found[OURS].cpu for found in rounds)
        target = ""
        if name in TARGETS:
            is_ok = ratio >= TARGETS[name]
            target = f"at least {TARGETS[name]:g}"
        elif name == LIMIT[0]:
            is_ok = 1 / ratio <= LIMIT[1]
            target = f"ours at most {LIMIT[1]:g} times, is {1 / ratio:.2f}"
        else:
            is_ok = True
        is_met &= is_ok
        said = f"   {target}{'' if is_ok else ': missed'}" if target else ""
        print(f"{name:26} {cpu * 1000:6.0f} ms {wall * 1000:6.0f} ms {ratio:11.2f}{said}")
    return is_met


def main() -> int:
    """Measure in rounds and print one table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description="what a submission costs with four graders, in one run")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="medians are taken over them (default: %(default)s)")
    parser.add_argument(
        "--submissions", type=int, default=SUBMISSIONS, help="graded by each peer (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.submissions < 2:
        parser.error("expected at least 1 round and 2 submissions")
    make_environments()
    adopt_orphans()
    rounds: list[dict[str, Row]] = []
    isolation: list[str] = []
    for _ in range(arguments.rounds):
        found, isolation = measure(arguments.submissions)
        rounds.append(found)
    is_met = report(rounds)
    print(f"isolation of ours: {', '.join(isolation) or 'a process per answer, no sandbox'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
