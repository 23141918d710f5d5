"""Jupyter's side of a forked kernel: a kernel manager with a provisioner and a client of its own.

All of it is public interface of jupyter_client: subclasses of `LocalProvisioner` (made to be
subclassed), `AsyncKernelManager` and `AsyncKernelClient`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
import uuid
from pathlib import Path
from queue import Empty
from shutil import rmtree
from typing import Any

from jupyter_client import AsyncKernelClient, AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Type

from mlsec_survey.runner.kernels.process import ForkedProcess, can_fork, start_kernel

logger = logging.getLogger(__name__)
# Of a kernel's command line, what follows the interpreter if it is IPython's own kernel.
_IPYKERNEL = ("-m", "ipykernel_launcher")
_POLL_SECONDS = 0.005


class LocalKernelClient(AsyncKernelClient):
    """Knows from what a kernel says that it is ready, where the base class waits for silence."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered and is idle.

        Raises:
            RuntimeError: the kernel ended, or was not ready in time.
        """
        deadline = time.monotonic() + (60 if timeout is None else timeout)
        while time.monotonic() < deadline:
            request = self.kernel_info()
            try:
                await self.shell_channel.get_msg(timeout=1)
                # Nothing of the start is left to come when the kernel is idle after it.
                while not _is_idle_after(request, await self.iopub_channel.get_msg(timeout=0.2)):
                    pass
                return
            except Empty:
                if not await self.is_alive():
                    raise RuntimeError("the kernel ended before it was ready") from None
        raise RuntimeError("the kernel was not ready in time")


def _is_idle_after(request: str, message: dict[str, Any]) -> bool:
    return (
        message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
        and message["parent_header"].get("msg_id") == request
    )


class LocalKernelManager(AsyncKernelManager):
    """Starts ordinary kernels that talk through files, so that many at a time need no ports.

    Where there are no Unix sockets, they talk over ports as ever.
    """

    client_factory = Type(LocalKernelClient)

    async def start_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]
        """Start the kernel; its sockets and connection file get a folder of their own."""
        self.kernel_id = self.kernel_id or uuid.uuid4().hex
        if sys.platform != "win32":
            # Names of sockets have to be short, so this cannot be Jupyter's runtime folder.
            self.transport = "ipc"
            self.connection_file = str(Path(tempfile.mkdtemp(prefix="kernel-")) / "k.json")
            self.ip = str(Path(self.connection_file).with_name("s"))
        await super().start_kernel(**kwargs)

    async def cleanup_resources(  # type: ignore[override]
        self, restart: bool = False
    ) -> None:
        """Remove what the kernel used."""
        await super().cleanup_resources(restart=restart)
        if self.transport == "ipc" and not restart:
            rmtree(Path(self.connection_file).parent, ignore_errors=True)


class ForkedKernelManager(LocalKernelManager):
    """Forks its kernels where it can."""

    async def start_kernel(self, **kwargs: Any) -> None:  # type: ignore[override]
        """Start the kernel."""
        self.kernel_id = self.kernel_id or uuid.uuid4().hex
        if self.provisioner is None:
            self.provisioner = ForkedProvisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )
        await super().start_kernel(**kwargs)


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel as a fork; as an ordinary process where that cannot be, or does not work."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel with Jupyter's command line and return how to connect to it."""
        if not can_fork() or (cmd[0], *cmd[1:3]) != (sys.executable, *_IPYKERNEL):
            return await super().launch_kernel(cmd, **kwargs)
        forked = start_kernel(cmd[3:], kwargs["env"], kwargs.get("cwd"))
        if not await self._listens(forked):
            logger.warning("a kernel could not be forked (%s): starting another", forked.reason)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = forked  # type: ignore[assignment]
        # The kernel leads a group of its own, with what its code starts.
        self.pid = self.pgid = forked.pid
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and what it started, and wait until it is gone."""
        await super().kill(restart=restart)
        while await self.poll() is None:
            await asyncio.sleep(_POLL_SECONDS)

    async def _listens(self, forked: ForkedProcess) -> bool:
        """Wait until the kernel's sockets are there; return False if it ended before."""
        ip, info = self.connection_info["ip"], self.connection_info.items()
        sockets = [Path(f"{ip}-{value}") for key, value in info if key.endswith("_port")]
        while not all(path.exists() for path in sockets):
            if forked.poll() is not None:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True
