"""What every server of ours can tell of itself."""

from __future__ import annotations

from course_lib.databases.process import ServerProcess


class Served:
    """A server that serves, or will: its kind, version, port and process."""

    kind: str
    version: str
    source: str
    capabilities: tuple[str, ...]
    port: int
    process: ServerProcess | None  # None where it is not ours

    def describe(self) -> dict[str, str]:
        """Return what `course servers` shows."""
        return {
            "kind": self.kind,
            "version": self.version,
            "source": self.source,
            "tls": "yes" if "tls" in self.capabilities else "no",
            "port": str(self.port),
            "pid": str(self.process.pid) if self.process else "",
        }
