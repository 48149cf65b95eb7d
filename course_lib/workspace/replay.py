"""Rebuild the app as it stands before a lesson or after it, from the committed notebooks.

A learner can begin anywhere, and nothing is stored twice.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from course_lib import notebook_file
from course_lib.errors import CourseError
from course_lib.locations import course_root
from course_lib.workspace import folder, modules

_disposals: set[asyncio.Task[None]] = set()  # a task nobody keeps may be collected before it ran


def files_after(number: int) -> dict[str, str]:
    """Return {file name: text} of the app as it stands after lesson `number` (-1: before the first)."""
    tree: dict[str, str] = {}
    for stem in notebook_file.stems():
        if int(stem[:2]) <= number:
            tree.update(notebook_file.app_cells(_committed(stem)))
    return tree


def _committed(stem: str) -> notebook_file.Notebook:
    return notebook_file.read_notebook(course_root() / "notebooks" / f"{stem}.ipynb")


def _versions() -> dict[str, set[str]]:
    """Return every text each app file has in the whole course: what a replay may overwrite without asking."""
    known: dict[str, set[str]] = {}
    for stem in notebook_file.stems():
        for name, text in notebook_file.app_cells(_committed(stem)):
            known.setdefault(name, set()).add(text)
    return known


def rebuild(number: int) -> list[str]:
    """Make the workspace equal to `files_after(number)` and forget loaded modules; return the file names.

    A learner's own version of a file is kept aside, and a printed line says where.
    """
    tree, known = files_after(number), _versions()
    changed = {name for name in known if folder.read(name) != tree.get(name)}
    for kept in folder.clear(changed, known):
        print(f"your own {kept.name} is kept as {kept.relative_to(folder.root())} in the workspace")
    for name in sorted(changed & tree.keys()):
        folder.write(name, tree[name])
    modules.forget()
    _dispose_soon()
    return sorted(tree)


def _dispose_soon() -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # plain Python: the next client, fresh or check awaits it
        return
    task = loop.create_task(modules.dispose_forgotten())
    _disposals.add(task)
    task.add_done_callback(_disposals.discard)


def write_tree(number: int, target: Path) -> list[str]:
    """Write the app as it stands after lesson `number` into `target/app`; return the file names.

    Raise `CourseError` when `target/app` already holds something else, or cannot be written.
    """
    notebook_file.find("notebooks", number)
    tree = files_after(number)
    home = target / "app"
    try:
        if home.exists() and any(home.iterdir()):
            raise CourseError(f"{home} is not empty; name another folder with --to, or move it away first")
        home.mkdir(parents=True, exist_ok=True)
        for name, text in {"__init__.py": "", **tree}.items():
            (home / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{home} cannot be written ({error.strerror}); name another folder with --to") from error
    return sorted(tree)


def lesson(number: int) -> None:
    """Put the app into the state *before* lesson `number` and print the files it has."""
    notebook_file.find("notebooks", number)
    _announce(f"lesson {number:02}", rebuild(number - 1))


def exercise(number: int) -> None:
    """Put the app into the state *after* lesson `number` and print the files it has."""
    notebook_file.find("notebooks", number)
    _announce(f"exercise {number:02}", rebuild(number))


def _announce(what: str, names: list[str]) -> None:
    print(f"{what}: app has {', '.join(names)}" if names else f"{what}: app is empty")
