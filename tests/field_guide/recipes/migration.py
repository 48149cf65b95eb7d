"""Recipes for the errors of lesson 14: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys

from course_lib.databases import database
from course_lib.field_guide import explain

from ..recipe import shows_on

# A program of its own: a fork of this one would take its threads' locks along.
FORK = """
import asyncio, os, sys
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
engine = create_async_engine(sys.argv[1], pool_size=1, max_overflow=0)
async def ask():
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))
        return (await connection.get_raw_connection()).driver_connection
driver = asyncio.new_event_loop().run_until_complete(ask())
child = os.fork()
if child:
    os.waitpid(child, 0)  # two at once would write into one line
print(driver.get_server_pid(), flush=True)
if not child:
    try:
        asyncio.run(ask())
    except Exception as error:
        print(str(error).splitlines()[0], flush=True)
os._exit(0)
"""


@shows_on("forked-connection", "postgres")
async def parent_and_child_share_a_socket(kind: str) -> tuple[object, object]:
    async with database(kind) as place:
        command = [sys.executable, "-c", FORK, place.url]
        program = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    said = program.stdout.splitlines()
    sessions = [line for line in said if line.isdecimal()]
    errors = [explain(line).slug for line in said if not line.isdecimal()]
    return (len(sessions), len(set(sessions)), errors), (2, 1, ["different-loop"])
