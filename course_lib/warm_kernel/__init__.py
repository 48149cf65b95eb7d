"""Warm kernels: `pytest --nbval --nbval-kernel-name course-warm` forks its kernels from a process with all imports.

A normal kernel pays its start and its imports anew for each notebook; a forked one has both behind it.
"""

from __future__ import annotations

from pathlib import Path

KERNEL_NAME = "course-warm"
JUPYTER_FOLDER = Path(__file__).parent / "jupyter"  # an entry of JUPYTER_PATH; a learner's JupyterLab never lists it


class ColdKernelWarning(UserWarning):
    """A normal kernel was started where a forked one was asked for; the text says why."""
