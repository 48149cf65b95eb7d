"""Tests of course_lib.study; a package, so that its conftest is told apart from the one above."""
