"""Tests of course_lib.checks; a package, so that its conftest is told apart from the others."""
