"""Tests of the field guide; a package, because recipes are shared between its files."""
