"""What a sheet about zombies leaves on the server when it has run: no connection at all, so nobody at work either.

The server is asked from the kernel itself, before it ends: a kernel that is gone would take its connections with it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sheets import ROOT

from course_lib.authoring.normalise import execute
from course_lib.notebook_file import Cell, code_cells, read_notebook

SHEETS = ("notebooks/09_cancellation.ipynb", "solutions/09_cancellation.ipynb")
# asked from the playground: a fresh database may be the one a zombie works for, and is cleaned before anybody gets it
LAST = """
import asyncio

import asyncpg

from course_lib.databases import lease

OTHERS = \"\"\"
SELECT count(*) FROM pg_stat_activity
WHERE datname NOT IN ('postgres', current_database())
\"\"\"
place = lease.acquire().playground()
who = place.logins["app"]
watcher = await asyncpg.connect(
    host=place.host, port=place.port, user=who.user, password=who.password, database=place.name
)
for _ in range(100):  # a connection that was closed a moment ago is still on its way out
    if not (others := await watcher.fetchval(OTHERS)):
        break
    await asyncio.sleep(0.05)
await watcher.close()
print("left on the server:", others)
"""


@pytest.mark.postgres
@pytest.mark.parametrize("name", SHEETS)
def test_nobody_is_left_on_the_server(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path / "servers"))  # a server that nobody else uses
    monkeypatch.setenv("COURSE_WORK", str(tmp_path / "work"))
    notebook = read_notebook(ROOT / name)
    last: Cell = {
        "cell_type": "code",
        "id": "last",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": LAST,
    }
    notebook["cells"] = [*code_cells(notebook), last]
    done = execute(notebook, tmp_path)
    assert done["cells"][-1]["outputs"][0]["text"] == "left on the server: 0\n"
