"""The skips of these tests: a missing server is a reason on a laptop, and a failure where nothing may be missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from private_postgres import ROOT


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_a_missing_server_has_its_sentence(tmp_path: Path, required: str, outcome: str) -> None:
    sentence = (
        f"no working PostgreSQL in COURSE_PG_BIN={tmp_path} (no postgres in it); correct the variable or unset it"
    )
    one = "tests/databases/test_seed.py::test_postgres_gets_the_menu"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rsf", "-q", one],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "COURSE_PG_BIN": str(tmp_path), "COURSE_REQUIRE_ALL": required, "COLUMNS": "400"},
    )
    assert sentence in done.stdout
    assert outcome in done.stdout
    assert done.returncode == (1 if required else 0)
