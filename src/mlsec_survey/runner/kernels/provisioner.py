"""Kernels for notebooks: forked from a warm server on Linux, ordinary ones elsewhere.

Jupyter's own extension point is used: a kernel provisioner, handed to papermill through a kernel
manager class. Both kinds of kernel get the same environment, so that outputs are the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import AnalysisError
from mlsec_survey.parallel.environment import FIXED_ENVIRONMENT

_AVX512 = ("X86_V4", "AVX512_ICL", "AVX512_SPR", "AVX512F", "AVX512CD", "AVX512_SKX")


def kernel_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a kernel: this process's, with what makes results the same."""
    return _general_environment() | _processor_environment() | (extra or {})


def _general_environment() -> dict[str, str]:
    personal = ("PYTHONSTARTUP", "IPYTHONDIR", "MATPLOTLIBRC")
    environment = {name: value for name, value in os.environ.items() if name not in personal}
    return environment | FIXED_ENVIRONMENT


def _processor_environment() -> dict[str, str]:
    """Return the setting that keeps NumPy from code paths that not every processor has."""
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(_disabled_features())}


def _impersonal(scratch: Path) -> dict[str, str]:
    """Return settings that keep a user's own start-up files and styles out of the results."""
    style = scratch / "matplotlibrc"
    style.touch()
    return {"IPYTHONDIR": str(scratch / "ipython"), "MATPLOTLIBRC": str(style)}


def _disabled_features() -> list[str]:
    """Return the names of NumPy's AVX-512 paths that this NumPy has and this processor supports.

    NumPy refuses names that it was not built with, so they are asked for in a process of its own,
    once for each installation.
    """
    code = (
        "from numpy._core._multiarray_umath import __cpu_dispatch__ as d, __cpu_features__ as f\n"
        f"print(*[n for n in {_AVX512!r} if n in d and f.get(n)])"
    )
    return _once(code).split()


def _once(code: str, cache: dict[str, str] = {}) -> str:  # noqa: B006
    if code not in cache:
        clean = {k: v for k, v in os.environ.items() if k != "NPY_DISABLE_CPU_FEATURES"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=clean, check=False
        )
        cache[code] = done.stdout.strip()
    return cache[code]


def can_fork() -> bool:
    """Return whether warm kernels work here."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


class ForkedProcess:
    """A process that the warm server forked, with the part of Popen's interface that is needed."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        try:
            self._descriptor: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor, self.returncode = None, 0

    def poll(self) -> int | None:
        """Return None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended."""
        return self._wait(timeout)

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self._descriptor is not None and self.poll() is None:
            signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _wait(self, timeout: float | None) -> int | None:
        if self._descriptor is not None:
            poller = select.poll()
            poller.register(self._descriptor, select.POLLIN)
            if not poller.poll(None if timeout is None else int(timeout * 1000)):
                return None
            os.close(self._descriptor)
            self._descriptor, self.returncode = None, 0
        return self.returncode


def _listed(names: Collection[str]) -> str:
    return ",".join(sorted(names))


_SERVER = "mlsec_survey.runner.kernels.warm_server"
_ENDED = "the warm server ended unexpectedly"


class WarmServer:
    """The runner's end of the warm server; safe for threads."""

    def __init__(
        self, scratch: Path, first: Collection[str] = (), used: Collection[str] = ()
    ) -> None:
        """Start the server.

        Args:
            scratch: folder for its log.
            first: as for `Kernels`.
            used: as for `Kernels`.
        """
        self.scratch = scratch
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        self._connection = ours
        self._process = subprocess.Popen(
            [sys.executable, "-m", _SERVER, str(theirs.fileno()), *map(_listed, (first, used))],
            pass_fds=[theirs.fileno()],
            env=_general_environment() | _search_path() | _impersonal(scratch),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(scratch / "server.log").open("ab"),
            start_new_session=True,
        )
        theirs.close()
        self._replies = ours.makefile("rb")
        self._ready = False
        # To ask NumPy takes a while, in which the server loads what does not need it.
        with contextlib.suppress(OSError):
            ours.sendall(json.dumps(_processor_environment()).encode() + b"\n")

    def fork(
        self, kind: str, env: dict[str, str], cwd: Path, log: Path, **rest: Any
    ) -> ForkedProcess:
        """Fork a process from the warm state; waits until the server is ready.

        Raises:
            AnalysisError: the server has died.
        """
        request = {"kind": kind, "env": env, "cwd": str(cwd), "log": str(log), **rest}
        with self._lock:
            if not self._ready:
                self._ready = "ready" in self._reply()
            try:
                self._connection.sendall(json.dumps(request).encode() + b"\n")
            except OSError:
                raise AnalysisError(_ENDED + "; run again") from None
            reply = self._reply()
            if "pid" not in reply:
                raise AnalysisError(f"no process could be started: {reply.get('error')}")
            # The server does not reap it before the next request, so the number is still its own.
            return ForkedProcess(reply["pid"])

    def call(self, function: str, arguments: dict[str, Any], cwd: Path) -> None:
        """Run `module:function` with JSON-like arguments in a forked process and wait for it.

        Raises:
            AnalysisError: it failed; the message has the last line that it wrote.
        """
        descriptor, name = tempfile.mkstemp(dir=self.scratch, suffix=".log")
        os.close(descriptor)
        done = Path(name).with_suffix(".done")
        process = self.fork(
            "call",
            kernel_environment(_search_path()),
            cwd,
            Path(name),
            function="mlsec_survey.runner.kernels.provisioner:report_done",
            arguments={"function": function, "arguments": arguments, "done": str(done)},
        )
        process.wait()
        if not done.exists():
            lines = Path(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise AnalysisError(f"{function} failed: {lines[-1] if lines else 'no message'}")

    def alive(self) -> bool:
        """Return whether the server runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the server and everything that it forked."""
        self._connection.close()
        self._replies.close()
        self._process.kill()
        self._process.wait()

    def _reply(self) -> dict[str, Any]:
        try:
            line = self._replies.readline()
        except (OSError, ValueError):
            line = b""
        if not line:
            log = self.scratch / "server.log"
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            detail = f" ({lines[-1]})" if lines else ""
            raise AnalysisError(f"{_ENDED}{detail}; run again, or with --cold")
        return dict(json.loads(line))


def report_done(function: str, arguments: dict[str, Any], done: str) -> None:
    """Call `module:function` in this process and leave a file when it has returned."""
    import importlib

    module, name = function.split(":")
    getattr(importlib.import_module(module), name)(**arguments)
    Path(done).touch()


def _search_path() -> dict[str, str]:
    """Return PYTHONPATH such that children find the package where this process found it."""
    source = str(Path(__file__).resolve().parents[3])
    known = os.environ.get("PYTHONPATH", "")
    paths = [source, *(entry for entry in known.split(os.pathsep) if entry and entry != source)]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def lifeline(command: list[str]) -> list[str]:
    """Return a command that runs `command` and ends with this process, children included."""
    guard = Path(__file__).with_name("lifeline.py")
    return [sys.executable, "-I", "-S", str(guard), str(os.getpid()), *command]


def _remove_scratch(folder: Path) -> None:
    if folder.name.startswith("mlsec-"):
        shutil.rmtree(folder, ignore_errors=True)


class Kernels:
    """Makes kernel manager classes for one run of the runner, warm or cold."""

    def __init__(
        self,
        *,
        cold: bool = False,
        cache: Path | None = None,
        first: Collection[str] = (),
        used: Collection[str] = (),
    ) -> None:
        """Make the kernels of a run.

        Args:
            cold: with ordinary kernels.
            first: packages, and modules of the project, that the notebooks import that wait for no
                other; their kernels can be forked as soon as these are loaded.
            used: packages that any notebook imports, and `nbconvert` where pages are wanted.
            cache: where it is noted which temporary folder is in use, so that the next run can
                remove it if this one is killed.
        """
        # Sockets have short names only, so their folder cannot be below the project's.
        self.scratch = Path(tempfile.mkdtemp(prefix="mlsec-"))
        if cache is not None:
            note = cache / "scratch"
            with contextlib.suppress(OSError):
                _remove_scratch(Path(note.read_text(encoding="utf-8")))
            note.write_text(str(self.scratch), encoding="utf-8")
        self.server = None if cold or not can_fork() else WarmServer(self.scratch, first, used)

    def alive(self) -> bool:
        """Return whether kernels can be started."""
        return self.server is None or self.server.alive()

    def close(self) -> None:
        """End all processes and remove what they used."""
        if self.server is not None:
            self.server.close()
        _remove_scratch(self.scratch)

    def manager_class(self, environment: dict[str, str], cwd: Path, *, early: bool = False) -> type:
        """Return a kernel manager class whose kernels have this environment and folder.

        Args:
            environment: variables to set.
            cwd: folder to work in.
            early: whether the notebook is one of the first, see `Kernels`.
        """
        settings = _search_path() | _impersonal(self.scratch) | environment
        return kernel_manager_class(
            self.server, kernel_environment(settings), cwd, self.scratch, early
        )

    def call(self, function: str, arguments: dict[str, Any], cwd: Path) -> None:
        """Run a function in a process of its own, warm if possible."""
        if self.server is not None:
            self.server.call(function, arguments, cwd)
            return
        payload = json.dumps({"function": function, "arguments": arguments})
        code = (
            "import json, sys; from mlsec_survey.runner.kernels.provisioner import report_done\n"
            "request = json.loads(sys.argv[1]); report_done(**request, done=sys.argv[2])"
        )
        done = subprocess.run(
            lifeline([sys.executable, "-c", code, payload, os.devnull]),
            capture_output=True,
            text=True,
            cwd=cwd,
            env=kernel_environment(_search_path()),
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise AnalysisError(f"{function} failed: {lines[-1] if lines else 'no message'}")


def kernel_manager_class(
    server: WarmServer | None,
    environment: dict[str, str],
    cwd: Path,
    scratch: Path,
    early: bool = False,
) -> type:
    """Return a kernel manager class; with a server its kernels are forked, else started."""
    import asyncio
    from queue import Empty

    from jupyter_client import AsyncKernelClient, AsyncKernelManager
    from jupyter_client.provisioning import LocalProvisioner
    from traitlets import Type, Unicode

    class Client(AsyncKernelClient):
        """Knows that a kernel is ready from what it says, where the base class waits a while."""

        async def wait_for_ready(self, timeout: float | None = None) -> None:
            deadline = time.monotonic() + (60 if timeout is None else timeout)
            while time.monotonic() < deadline:
                request = self.kernel_info()
                try:
                    reply = await self.shell_channel.get_msg(timeout=1)
                    # Nothing of the start is left to come when the kernel is idle after it.
                    while not _is_idle_after(
                        request, await self.iopub_channel.get_msg(timeout=0.2)
                    ):
                        pass
                except Empty:
                    if not await self.is_alive():
                        raise RuntimeError("the kernel ended before it was ready") from None
                    continue
                self._handle_kernel_info_reply(reply)
                return
            raise RuntimeError("the kernel was not ready in time")

    class Provisioner(LocalProvisioner):
        """Starts a kernel, as a fork of the warm server or alone, with a fixed environment."""

        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            if server is None:
                kwargs |= {"env": environment, "cwd": str(cwd)}
                return await super().launch_kernel(cmd, **kwargs)
            flag = cmd.index("-f")
            log = scratch / f"kernel-{self.kernel_id}.log"
            argv = [*cmd[flag : flag + 2], *_KERNEL_OPTIONS]
            forked = server.fork("kernel", environment, cwd, log, argv=argv, early=early)
            self.process = forked  # type: ignore[assignment]
            self.pid = self.pgid = forked.pid
            # Who connects to a socket that is not there yet tries again a tenth of a second later.
            ports = [value for key, value in self.connection_info.items() if key.endswith("_port")]
            sockets = [Path(f"{self.connection_info['ip']}-{port}") for port in ports]
            while forked.poll() is None and not all(socket.exists() for socket in sockets):
                await asyncio.sleep(0.005)
            return self.connection_info

        async def wait(self) -> int | None:
            # The base class looks ten times a second; a forked process can be waited for.
            if isinstance(self.process, ForkedProcess):
                self.process.wait(10)
                self.process = None
                return 0
            return await super().wait()

    class Manager(AsyncKernelManager):
        transport = Unicode("ipc" if sys.platform == "linux" else "tcp")
        client_factory = Type(Client)

        async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
            self.kernel_id = self.kernel_id or os.urandom(8).hex()
            self.connection_file = str(scratch / f"k{self.kernel_id}.json")
            if self.transport == "ipc":
                self.ip = str(scratch / f"k{self.kernel_id}")
            if self.provisioner is None:
                self.provisioner = Provisioner(
                    kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
                )
            kw |= {"env": environment, "cwd": str(cwd), "extra_arguments": list(_KERNEL_OPTIONS)}
            return await super()._async_pre_start_kernel(**kw)

        pre_start_kernel = _async_pre_start_kernel

        async def _async_wait(self, pollinterval: float = 0.003) -> None:
            # The base class looks ten times a second whether a killed kernel is gone.
            await super()._async_wait(pollinterval)

    return Manager


def _is_idle_after(request: str, message: dict[str, Any]) -> bool:
    return (
        message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
        and message["parent_header"].get("msg_id") == request
    )


_KERNEL_OPTIONS = (
    "--HistoryManager.enabled=False",
    "--Completer.use_jedi=False",
)
