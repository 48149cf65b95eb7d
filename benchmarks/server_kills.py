"""Kill clients, supervisors and servers at random, and count what is left: processes, and folders that do not serve.

Each round uses the folder that the round before left behind, so a ruined one is found by the next.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any  # Any: psutil ships no types

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # the clients are those of the tests

from server_clients import Client, processes, wait_all_gone

from course_lib.databases import needs


def here(kinds: tuple[str, ...]) -> list[str]:
    """Return the kinds of server that this machine has."""
    return [kind for kind in kinds if not needs.missing(f"# needs: {kind}\n")]


def kill(pid: int) -> None:
    """Kill a process that may have gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def round_of(state: Path, dice: random.Random, kinds: list[str]) -> list[str]:
    """Use the servers with some clients, kill at random, and return what went wrong."""
    clients = [Client(state) for _ in range(dice.randint(1, 4))]
    wrong: list[str] = []
    asked = [(client, kind) for client in clients for kind in dice.sample(kinds, dice.randint(1, len(kinds)))]
    for client in clients:
        client.send("acquire")
    supervisors = [client.answer() for client in clients]
    if dice.random() < 0.7:  # else the blow falls while the servers are still starting
        for client, kind in asked:
            got = client.ask("allot", kind)
            if "error" in got:
                wrong.append(f"{kind}: {got['error']}")
            wrong += [notice for notice in client.notices if "could not be used" in notice]
    else:
        for client, kind in asked:
            client.send("allot", kind)
        time.sleep(dice.random())
    victims: list[Any] = [*clients, *processes(state), *supervisors]
    for victim in dice.sample(victims, dice.randint(1, len(victims))):
        if isinstance(victim, Client):
            victim.kill()
            clients.remove(victim)
        else:
            kill(victim if isinstance(victim, int) else victim.pid)
    for client in clients:
        client.end()
    return wrong


def main() -> int:
    """Run the rounds; 0 when nothing was left behind and every folder served."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(10**6)
    dice, orphans, unusable = random.Random(seed), 0, 0
    kinds = here(("postgres", "pgbouncer", "mariadb"))
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        state = Path(name) / "state"
        for number in range(1, arguments.rounds + 1):
            wrong = round_of(state, dice, kinds)
            unusable += bool(wrong)
            for line in wrong:
                print(f"round {number}: {line}", flush=True)
            try:
                wait_all_gone(state)
            except AssertionError as error:
                orphans += len(processes(state))
                print(f"round {number}: {error}", flush=True)
                for process in processes(state):
                    print(f"round {number}: {process.ppid()} {process.cmdline()}", flush=True)
                    for log in state.glob("*/*.log"):
                        print(f"{log.name}: {log.read_text(errors='replace')[-1500:]}", flush=True)
                    kill(process.pid)
    print(
        f"{arguments.rounds} rounds on {', '.join(kinds)}, seed {seed}: {orphans} orphans, {unusable} unusable folders"
    )
    return 1 if orphans or unusable else 0


if __name__ == "__main__":
    sys.exit(main())
