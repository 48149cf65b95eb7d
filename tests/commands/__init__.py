"""Tests of the subcommands; a package, because `doctor` is also a module beside it."""
