"""Write a file whole or not at all: a full disk or Ctrl-C must not leave half of what was there before.

The text goes into a file beside it, which then takes its name in one step.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_whole(target: Path, content: str | bytes) -> None:
    """Write `content` to `target`; whatever is raised, `target` stays as it was and nothing lies beside it."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(target)
    except BaseException as error:  # Ctrl-C included
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(target)  # the name the reader knows
        raise
