"""What a run of load found: every request as data, and the few numbers that describe them all.

Percentiles are nearest-rank on all samples: nothing is interpolated, and a run of a course fits into memory.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

BOUND = 0.7  # of a core: above it the figures tell more about the generator than about the app
GOOD = range(200, 400)


@dataclass(frozen=True)
class Sample:
    """One request: seconds from the beginning of the run, and how it ended (`200`, `503`, `ReadTimeout`)."""

    arrived: float  # when it should have been sent
    sent: float
    done: float
    outcome: str

    @property
    def latency(self) -> float:
        """Seconds from the intended arrival to the answer."""
        return self.done - self.arrived

    @property
    def good(self) -> bool:
        """Whether it was answered with success."""
        return self.outcome.isdigit() and int(self.outcome) in GOOD


@dataclass(frozen=True)
class Report:
    """The samples of one run after its warm-up, and what the generator itself cost."""

    loop: Literal["open", "closed"]
    offered: float  # arrivals a second (open), users (closed)
    seconds: float  # length of the measured part
    samples: Sequence[Sample] = field(repr=False)
    share: float = 0.0  # of one core, taken by the generator
    cpu: float = 0.0  # seconds of CPU this process used, app included when it is in process

    @property
    def generator_bound(self) -> bool:
        """Whether the generator took more than 70% of a core: such a run draws no curve."""
        return self.share > BOUND

    @property
    def throughput(self) -> float:
        """Good answers a second."""
        return sum(sample.good for sample in self.samples) / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of CPU."""
        return len(self.samples) / self.cpu if self.cpu else math.inf

    @property
    def late(self) -> float:
        """Seconds between the intended and the real moment of sending, at the 99th percentile (open loop)."""
        return percentile([sample.sent - sample.arrived for sample in self.samples], 99)

    def latency(self, percent: float) -> float:
        """Return the latency in seconds at a percentile (50, 95, 99) of the good answers."""
        return percentile([sample.latency for sample in self.samples if sample.good], percent)

    def outcomes(self) -> dict[str, int]:
        """Return {status or error class: how often}, sorted by name."""
        return dict(sorted(Counter(sample.outcome for sample in self.samples).items()))

    def table(self) -> str:
        """Return the numbers as aligned text."""
        unit = "arrivals a second" if self.loop == "open" else "users"
        rows = [("offered", f"{self.offered:g} {unit}"), ("answered well", f"{self.throughput:.1f} a second")]
        rows += [(f"p{percent}", f"{1000 * self.latency(percent):.1f} ms") for percent in (50, 95, 99)]
        rows.append(("outcomes", ", ".join(f"{count} x {name}" for name, count in self.outcomes().items()) or "none"))
        if self.loop == "open":
            rows.append(("sent late", f"{1000 * self.late:.1f} ms at p99"))
        bound = ", generator-bound" if self.generator_bound else ""
        rows.append(("generator", f"{100 * self.share:.0f}% of a core{bound}"))
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def __repr__(self) -> str:
        return self.table()


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all do not exceed (nearest rank); nan when there is none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
