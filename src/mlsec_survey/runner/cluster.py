"""Work on a Dask cluster: workers that compute the same as this machine, notebooks sent to them.

`python -m mlsec_survey.runner.cluster tcp://HOST:8786 [options of dask worker]` starts workers.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from distributed import get_worker

from mlsec_survey.base.errors import CompendiumError, InputError
from mlsec_survey.parallel.environment import fixed_environment
from mlsec_survey.parallel.tasks import (
    WORKERS_VARIABLE,
    check_worker,
    completed,
    connected,
    fingerprint,
)
from mlsec_survey.runner.execute import execute_notebook
from mlsec_survey.runner.pipeline import PIPELINE, NotebookJob

USAGE = """\
usage: python -m mlsec_survey.runner.cluster ADDRESS [options of `dask worker`]

Starts `dask worker ADDRESS` with one thread per worker, and with the processor settings that make
results the same everywhere. Example, two workers for a scheduler on this machine:

  python -m mlsec_survey.runner.cluster tcp://127.0.0.1:8786 --nworkers 2
"""
# A task is one process's worth of work; the dashboard is the scheduler's business.
_DEFAULTS = {"--nthreads": "1", "--no-dashboard": None}


# ── Sending notebooks ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class SentNotebook:
    """A notebook with everything that it reads, to be executed anywhere.

    Attributes:
        job: what to execute; its folders are those of the worker once it is there.
        run: name of the run.
        files: content by path, below `project/` or below `run/`.
    """

    job: NotebookJob
    run: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Returned:
    """What came of a notebook: files below its output folder, or an error and what had failed."""

    files: Mapping[str, bytes]
    error: Exception | None = None
    failed: bytes | None = None


class Remote:
    """Executes notebooks on the workers of a cluster; safe for threads."""

    def __init__(self, address: str, root: Path, cache: Path) -> None:
        self._address = address
        self._root = root
        self._cache = cache
        self._stack = ExitStack()

    def __enter__(self) -> Remote:
        self._client = self._stack.enter_context(connected(self._address))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def jobs(self) -> int:
        """How many notebooks to send at a time to keep the workers busy."""
        return 2 * sum(self._client.nthreads().values())

    def execute(self, job: NotebookJob, inputs: Mapping[str, Path]) -> None:
        """Execute a notebook on some worker and write what it gave below `job.output`.

        Args:
            job: with the folders of this machine.
            inputs: files and folders that it reads, by name.

        Raises:
            InputError: an input is outside the project, or the worker differs from this machine.
            CompendiumError: what executing the notebook raised.
        """
        # The workers fill their machines with notebooks; none of them should start more processes.
        alone = replace(job, settings={**job.settings, WORKERS_VARIABLE: "1"})
        sent = SentNotebook(alone, job.run.name, self._packed(job, inputs))
        calls = [(sent, fingerprint())]
        _, returned = next(completed(self._client, execute_sent, calls, self._address))
        if returned.failed is not None:
            failed = self._cache / "failed" / job.run.name / f"{job.name}.ipynb"
            failed.parent.mkdir(parents=True, exist_ok=True)
            failed.write_bytes(returned.failed)
        if returned.error is not None:
            raise returned.error
        _unpack(returned.files, job.output)

    def _packed(self, job: NotebookJob, inputs: Mapping[str, Path]) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for path in [self._root / PIPELINE, *inputs.values()]:
            place = Path(os.path.normpath(path))
            for folder, name in ((job.run, "run"), (self._root, "project")):
                if place.is_relative_to(folder):
                    target = Path(name) / place.relative_to(folder)
                    break
            else:
                raise InputError(
                    "a file outside the project cannot be sent to a cluster",
                    file=path,
                    remedy="put it into the project's folder, such as data/raw/private/",
                )
            files |= _packed(place, target)
        return files


def _packed(path: Path, target: Path) -> dict[str, bytes]:
    if path.is_dir():
        members = sorted(member for member in path.rglob("*") if member.is_file())
        return {(target / m.relative_to(path)).as_posix(): m.read_bytes() for m in members}
    # A notebook says itself, and better, which file it misses.
    return {target.as_posix(): path.read_bytes()} if path.is_file() else {}


def _unpack(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError("a file's name leads out of its folder", value=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


# ── On a worker ───────────────────────────────────────────────────────────────────────────────────


def execute_sent(sent: SentNotebook, expected: dict[str, str]) -> Returned:
    """Execute a notebook in a kernel of this worker; everything that it needs came with it.

    Raises:
        InputError: this worker would compute something else than the sender.
    """
    check_worker(expected)
    place = Path(tempfile.mkdtemp(prefix="notebook-", dir=_local_directory()))
    try:
        _unpack(sent.files, place)
        job = replace(
            sent.job, project=place / "project", run=place / "run", output=place / "output"
        )
        for folder in (job.run, job.output, job.project / "notebooks"):
            folder.mkdir(parents=True, exist_ok=True)
        failed = place / ".cache" / "failed" / sent.run / f"{job.name}.ipynb"
        try:
            execute_notebook(job, failed)
        except CompendiumError as error:
            return Returned({}, error, failed.read_bytes() if failed.is_file() else None)
        return Returned(_packed(job.output, Path()))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _local_directory() -> str | None:
    try:
        return str(get_worker().local_directory)
    except ValueError:
        return None


# ── Starting workers ──────────────────────────────────────────────────────────────────────────────


def worker_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that starts workers, our defaults added where nothing is said."""
    command = [sys.executable, "-m", "dask", "worker", *arguments]
    for option, value in _DEFAULTS.items():
        if not any(given.split("=")[0] == option for given in arguments):
            command += [option] if value is None else [option, value]
    return command


def main(arguments: Sequence[str]) -> int:
    """Become `dask worker`; returns only when the usage is wrong."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(USAGE, end="", file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    # Workers are to have kernels forked, and Python allows daemonic processes no children.
    environment = fixed_environment() | {"DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    return os.execve(sys.executable, worker_command(arguments), environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
