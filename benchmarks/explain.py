"""How long a learner waits for `explain`: the first answer of a fresh process, the next ones, and a long paste.

The first answer reads the entries and compiles their patterns; the budget of 20 ms is for it. Each figure is the
median of several fresh processes, without the import, which a notebook has paid before.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

RUNS = 9
BUDGET_MS = 20
MEASURED = r"""
import json, time
from course_lib.field_guide import entries, explain
from course_lib.field_guide.entry import written

known = "RuntimeError: asyncio.run() cannot be called from a running event loop"
unknown = "RuntimeError: the ice machine is on strike"
frames = "".join(f'  File "menu.py", line {n}, in order\n    await pour()\n' for n in range(1500))
paste = f"Traceback (most recent call last):\n{frames}{known}\n"

def milliseconds(text):
    begin = time.perf_counter()
    explain(text)
    return (time.perf_counter() - begin) * 1000

figures = {"first answer": milliseconds(known), "first unknown": milliseconds(unknown)}
figures |= {"next answer": milliseconds(known), "paste of 3000 lines": milliseconds(paste)}
begin = time.perf_counter()
written()
figures["the entries from TOML"] = (time.perf_counter() - begin) * 1000
print(json.dumps([len(entries()), figures]))
"""


def main() -> None:
    """Print the medians."""
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", MEASURED])) for _ in range(RUNS)]
    print(f"{runs[0][0]} entries")
    for name in runs[0][1]:
        median = statistics.median(figures[name] for _, figures in runs)
        budget = f"   (budget {BUDGET_MS})" if "answer" in name or "unknown" in name else ""
        print(f"{name:24} {median:7.1f} ms{budget}")


if __name__ == "__main__":
    main()
