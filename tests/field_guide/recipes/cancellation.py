"""Recipes for the errors of lesson 09: each provokes one for real.

Each ignored type error here is the learner's mistake itself.
"""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

from sqlalchemy import text

from ..club import opened
from ..recipe import provokes


@provokes("gc-connection")
async def drop_a_connection(folder: Path) -> None:
    async with opened(folder) as engine:

        async def leak() -> None:
            await (await engine.connect()).execute(text("select 1"))

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            await leak()
            gc.collect()
    raise next(one.message for one in seen if isinstance(one.message, Warning) and "SAWarning" in str(one.category))
