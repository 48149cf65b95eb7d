"""The velvet rope, live: seats, the queue and the refused, of a model or of a real pool.

`pool_view(engine)` shows an engine while a cell awaits; `pool_view()` shows a model whose knobs may be turned.
"""

from __future__ import annotations

from course_lib.pool_view.view import pool_view

__all__ = ["pool_view"]
