"""Batches on Dask: runs per hour by the number of worker processes.

    python benchmarks/batches.py [--workers 1 2 4 8] [--runs 4]

A scheduler and so many workers are started on this machine, and a batch of runs with another seed
each goes to them, in a fresh copy of the project. Pages, paper and the comparison are left out:
they are made here, whatever the number of workers. The `lab` extra has Dask.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client
from runner import environment, fresh_copy, write_table


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Give the address of a scheduler on this machine with so many workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, host = f"tcp://127.0.0.1:{port}", ["--host", "127.0.0.1", "--port", str(port)]
    calls = [
        ["distributed.cli.dask_scheduler", *host, "--no-dashboard"],
        ["mlsec_survey.runner.cluster", address, "--nworkers", str(workers)],
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen([sys.executable, "-m", *call], cwd=folder, env=environment(), **quiet)
        for call in calls
    ]
    try:
        with Client(address, timeout="60s") as client:
            client.wait_for_workers(workers, timeout=60)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait()


def measure(workers: int, runs: int) -> float:
    """Return the seconds of a batch on so many workers."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = fresh_copy(Path(scratch))
        spec = "version: 1\npages: false\npdf: false\ncompare: false\n"
        spec += f"grids: [{{name: seed, over: {{seed: {list(range(1, runs + 1))}}}}}]\n"
        (folder / "batch.yml").write_text(spec, encoding="utf-8")
        with cluster(folder, workers) as address:
            call = ["scripts/run_all.py", "--batch", "batch.yml", "--scheduler", address]
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, *call, "--jobs", "1"],
                cwd=folder,
                env=environment(),
                check=True,
                stdout=subprocess.DEVNULL,
            )
            return time.perf_counter() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4, 8])
    arguments.add_argument("--runs", type=int, default=4)
    options = arguments.parse_args()
    measured = ((workers, measure(workers, options.runs)) for workers in options.workers)
    rows = (f"{w} | {s:.0f} | {3600 * options.runs / s:.0f}" for w, s in measured)
    how = f"{options.runs} runs, one measurement each"
    write_table("batches", how, ["worker processes", "seconds", "runs per hour"], rows)


if __name__ == "__main__":
    main()
