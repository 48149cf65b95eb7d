"""What a learner waits for: `import course_lib` beside a bare interpreter, and the first two lines of lesson 03.

Each figure is the median of several runs in fresh processes; the bare interpreter runs in between, so that a slow
moment of the machine falls on both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 9
BARE = "pass"
IMPORT = "import course_lib"
# a shell like the kernel's, then the lines of the setup cell; what they cost is printed by the process itself
LESSON = """
import contextlib, io, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for line in ("pass", "%load_ext course_lib\\nfrom course_lib import lesson\\nlesson(3)"):
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        result = shell.run_cell(line)
    result.raise_error()
    seconds = time.perf_counter() - begin
print(seconds)
"""


def process_seconds(code: str) -> float:
    """Return the wall seconds of one interpreter that runs `code`."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Print the medians."""
    pairs = [(process_seconds(BARE), process_seconds(IMPORT)) for _ in range(RUNS)]
    bare = statistics.median(bare for bare, _ in pairs)
    added = statistics.median(imported - bare for bare, imported in pairs)
    print(f"bare interpreter           {bare * 1000:7.1f} ms")
    print(f"import course_lib adds     {added * 1000:7.1f} ms   (budget 50)")
    lesson = []
    for _ in range(RUNS):
        done = subprocess.run([sys.executable, "-c", LESSON], check=True, capture_output=True, text=True)
        lesson.append(float(done.stdout.strip().splitlines()[-1]))
    print(f"load_ext + lesson(3), warm {statistics.median(lesson) * 1000:7.1f} ms   (budget 300)")


if __name__ == "__main__":
    main()
