"""A Dask scheduler and workers as processes of this machine, started as docs/cluster.md says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client

SOURCE = Path(__file__).resolve().parents[1] / "src"


@dataclass
class Cluster:
    """A running scheduler with its workers."""

    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen] = field(default_factory=list)

    def kill_scheduler(self) -> None:
        """End the scheduler at once."""
        if self.scheduler.poll() is None:
            os.killpg(self.scheduler.pid, signal.SIGKILL)
            self.scheduler.wait()

    def kill_worker(self) -> int:
        """End one worker at once, with everything that it started; return its process id."""
        worker = self.workers.pop()
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        return worker.pid


@contextmanager
def start_cluster(
    folder: Path, workers: int, settings: dict[str, str] | None = None
) -> Iterator[Cluster]:
    """Start a scheduler and some single workers on the loopback interface; end them afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    tests = str(Path(__file__).parent)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), tests])}
    environment |= settings or {}

    def start(name: str, *command: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=(folder / f"{name}.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    scheduler = start(
        "scheduler",
        *("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"),
    )
    cluster = Cluster(address, scheduler)
    started = [scheduler]
    try:
        for number in range(workers):
            worker = start(
                f"worker-{number}",
                *("mlsec_survey.runner.cluster", address, "--local-directory", str(folder)),
            )
            cluster.workers.append(worker)
            started.append(worker)
        with Client(address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield cluster
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
