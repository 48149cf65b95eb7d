"""How much a child may use: what the kernel counts for it, and what its parent counts."""

from __future__ import annotations

from dataclasses import dataclass

from course_lib.grading.sandbox.layer import MissingLayer

OWN_COUNT = (
    5,
    14,
)  # Linux: from here on RLIMIT_NPROC counts within the user namespace, not over all of a user's programs


@dataclass(frozen=True)
class Limits:
    """The defaults fit an answer of this course with room; sizes are bytes."""

    memory: int = 2 << 30  # of address space: without it an allocation of 6 GiB grew to 5.4 GB
    cpu_seconds: int = 10
    file_size: int = 50 << 20
    open_files: int = 256
    processes: int = 64  # threads count; none but threads are possible
    scratch: int = 256 << 20  # all files together
    printed: int = 1_000_000  # kept of what it prints; the rest is read and forgotten
    record: int = 1 << 20


def limit(limits: Limits, *, counts_processes: bool) -> str:
    """Set the limits of this process for good; each as far as its own hard limit allows."""
    try:
        import resource  # imported here: Windows has no such module
    except ImportError:
        raise MissingLayer("this system has no resource limits") from None
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        # one second later comes a signal that cannot be ignored
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (limits.file_size,) * 2,
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        resource.RLIMIT_AS: (limits.memory,) * 2,
    }
    if counts_processes:
        wanted[resource.RLIMIT_NPROC] = (limits.processes,) * 2
    for which, (soft, hard) in wanted.items():
        highest = resource.getrlimit(which)[1]
        if highest != resource.RLIM_INFINITY:
            soft, hard = min(soft, highest), min(hard, highest)
        try:
            resource.setrlimit(which, (soft, hard))
        except ValueError as error:  # what Python makes of EINVAL; macOS refuses some
            raise MissingLayer(str(error)) from error
    return f"{limits.memory >> 20} MiB of memory, {limits.cpu_seconds} s of CPU, {limits.open_files} open files"
