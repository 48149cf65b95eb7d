"""Kernels as Jupyter starts them, for tests that look at what comes out, and at what is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any  # Any: messages are JSON, and psutil ships no types

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from server_clients import processes, wait_all_gone, wait_gone

from course_lib import warm_kernel
from course_lib.warm_kernel.kernel_process import KernelProcess

READY_S = 60.0
CELL_S = 30.0


class Kernel:
    """A running kernel and its client."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(READY_S)

    @property
    def process(self) -> Any:
        """What the provisioner holds."""
        assert self.manager.provisioner is not None
        return self.manager.provisioner.process  # type: ignore[attr-defined]  # of a LocalProvisioner

    @property
    def is_warm(self) -> bool:
        """Say whether it was forked."""
        return isinstance(self.process, KernelProcess)

    def send(self, code: str) -> str:
        """Begin to run a cell, and return the number of its request."""
        return str(self.client.execute(code, store_history=False))

    def output(self, request: str) -> str:
        """Return what the cell of `request` shows: its texts, or the name of its error."""
        shown = ""
        while True:
            message = self.client.get_iopub_msg(timeout=CELL_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                shown += content["text"]
            elif kind == "execute_result":
                shown += content["data"]["text/plain"]
            elif kind == "error":
                shown += content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return shown

    def wait_for(self, text: str) -> None:
        """Wait until a cell that runs has printed `text`."""
        seen = ""
        while text not in seen:
            message = self.client.get_iopub_msg(timeout=CELL_S)
            seen += message["content"].get("text", "") if message["msg_type"] == "stream" else ""

    def run(self, code: str) -> str:
        """Run a cell and return what it shows."""
        return self.output(self.send(code))

    def read(self, expression: str) -> Any:
        """Return the value of an expression that JSON can carry."""
        return json.loads(self.run(f"import json\nprint(json.dumps({expression}))"))

    def is_silent(self) -> bool:
        """Say that the kernel has nothing more to tell."""
        with contextlib.suppress(Empty):
            return not self.client.get_iopub_msg(timeout=0)
        return True


@contextlib.contextmanager
def kernel(name: str = warm_kernel.KERNEL_NAME, **options: Any) -> Iterator[Kernel]:
    """Yield a new kernel of this kind; it is killed after the block."""
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(**{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options})
    try:
        started = Kernel(manager)
        try:
            yield started
        finally:
            started.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)


def zygotes(state: Path) -> list[int]:
    """Return the process id of each warm process that `state` announces."""
    return [json.loads(path.read_text())["pid"] for path in state.glob("kernels/*.run.json")]


def end_zygotes(state: Path) -> None:
    """End the warm processes of `state` and wait until they, and their kernels, are gone."""
    for pid in zygotes(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_all_gone(state)


__all__ = ["Kernel", "end_zygotes", "kernel", "processes", "wait_all_gone", "wait_gone", "zygotes"]
