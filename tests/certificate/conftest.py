"""The small course, for the tests of this folder."""

from __future__ import annotations

from small_fixtures import small, small_root, traces

__all__ = ["small", "small_root", "traces"]
