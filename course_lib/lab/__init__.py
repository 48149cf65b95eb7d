"""JupyterLab as the course serves it: our settings, a token, this machine only.

A learner should meet the lesson and nothing else: no news, no update notice, no page of log lines.
"""

from __future__ import annotations

from course_lib.lab.server import refuse_taken, serve

__all__ = ["refuse_taken", "serve"]
