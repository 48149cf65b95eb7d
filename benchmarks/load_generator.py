"""The course's load generator beside wrk (Debian package `wrk`) on one uvicorn process, limited by its pool.

Five seats, 20 ms each: at most 250 answers a second. Both generators take turns in one run with the same number of
connections; the ratios are the figures to compare. Open loop: how late the planned arrivals were sent.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from course_lib.load import closed_loop, open_loop
from course_lib.load.cost import cpu_per_request

SEATS, HOLD_S, USERS = 5, 0.02, 20
HOUSE = f"""
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine = create_async_engine("sqlite+aiosqlite:///club.db", pool_size={SEATS}, max_overflow=0)
    yield
    await app.state.engine.dispose()

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def hold() -> dict[str, bool]:
    async with app.state.engine.connect():
        await asyncio.sleep({HOLD_S})
    return {{"served": True}}
"""


@contextmanager
def served() -> Iterator[str]:
    """Serve the house in a process of its own on a free loopback port; yield its address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listening:
        Path(folder, "house.py").write_text(HOUSE)
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "house:app", "--fd", str(listening.fileno()), "--no-access-log"]
        with subprocess.Popen(
            command, cwd=folder, pass_fds=[listening.fileno()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            address = f"http://127.0.0.1:{port}"
            try:
                _await_answer(address)
                yield address
            finally:
                server.terminate()


def _await_answer(address: str) -> None:
    for _ in range(200):
        try:
            httpx.get(address, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the house did not open within 10 s")


def by_wrk(address: str, seconds: int) -> tuple[float, float]:
    """Return wrk's requests a second and its p99 in ms."""
    command = ["wrk", "-t1", f"-c{USERS}", f"-d{seconds}s", "--latency", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    tail = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    if rate is None or tail is None:
        raise SystemExit(f"wrk said something else than expected: {said}")
    return float(rate[1]), float(tail[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[tail[2]]


def by_us(address: str, seconds: int) -> tuple[float, float, float]:
    """Return our requests a second, p99 in ms, and the generator's share of a core."""
    report = asyncio.run(closed_loop(address, users=USERS, seconds=seconds, warm_up=0.5))
    return report.throughput, 1000 * report.latency(99), report.share


def main() -> int:
    """Measure and print; 1 when the two generators disagree by more than the course allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"in process, an app that does nothing: {1 / asyncio.run(cpu_per_request()):.0f} requests per CPU second")
    with served() as address:
        for rate in (50, 150, 225):
            report = asyncio.run(open_loop(address, rate=rate, seconds=chosen.seconds))
            late = f"sent late {1000 * report.late:.2f} ms at p99"
            print(f"open loop, {rate} a second: {late}, generator {100 * report.share:.0f}% of a core")
        if not shutil.which("wrk"):
            print("wrk not found; install it with: apt-get install wrk")
            return 0
        throughput, tail = [], []
        for _ in range(chosen.rounds):
            theirs, ours = by_wrk(address, chosen.seconds), by_us(address, chosen.seconds)
            throughput.append(ours[0] / theirs[0])
            tail.append(ours[1] / theirs[1])
            print(f"wrk {theirs[0]:.1f}/s p99 {theirs[1]:.1f} ms | ours {ours[0]:.1f}/s p99 {ours[1]:.1f} ms")
    faster, later = statistics.median(throughput), statistics.median(tail)
    agrees = abs(faster - 1) <= 0.1 and abs(later - 1) <= 0.2
    print(f"ours / wrk: throughput {faster:.3f} (0.9 to 1.1), p99 {later:.3f} (0.8 to 1.2)")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
