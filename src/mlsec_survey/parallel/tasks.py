"""Many independent seeded tasks: here, in some processes, or on a cluster, with equal numbers.

Each task gets a random generator of its own, which depends on the seed, the purpose and the task's
position alone. Where a task runs, beside which others and how often it is started again can
therefore change how long it takes, and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import logging
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import cloudpickle
import numpy as np

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.randomness import seed_sequence
from mlsec_survey.parallel.environment import fixed_environment_is_set
from mlsec_survey.parallel.processes import PRELOAD, end_with_parent, fork_server, processors

SCHEDULER_VARIABLE = "MLSEC_SCHEDULER"
WORKERS_VARIABLE = "MLSEC_WORKERS"
# Starting processes takes a second or two of imports. So the first tasks are done here and timed,
# and processes are started only for what would take much longer than that.
_TRIAL_SECONDS = 1.0
_WORTHWHILE_SECONDS = 4.0
_CHUNK_SECONDS = 0.5
_CHUNKS_PER_THREAD = 8
# What tasks need most, loaded once where nobody has said what to load.
_PRELOAD = ("mlsec_survey.parallel.tasks", "pandas", "scipy.stats")
# A part that was on several dying workers (Dask's setting `allowed-failures`) gets that many more
# chances before it is taken to be the reason itself.
_MORE_CHANCES = 1
_CONNECT_SECONDS = 10.0
_WAIT_FOR_WORKER = 60.0

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


def run(
    function: Callable[[TaskT, np.random.Generator], ResultT],
    tasks: Sequence[TaskT],
    *,
    seed: int,
    purpose: str | Sequence[str],
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
    label: str = "",
) -> list[ResultT]:
    """Return `function(task, rng)` for each task, in the order of the tasks.

    Cut work into tasks of at least some hundredths of a second, by size of the work and never by
    the number of workers, since the cut decides which random numbers a part gets.

    Args:
        function: depends on its arguments only. What it and its data need must be picklable;
            `functools.partial` binds data that all tasks share.
        tasks: one object each.
        seed: of the notebook.
        purpose: words that set this use of the seed apart from others, as in `project.generator`.
        scheduler: address of a Dask scheduler, such as tcp://host:8786; default MLSEC_SCHEDULER
            from the environment; without either the tasks run on this machine.
        workers: processes on this machine; default MLSEC_WORKERS, else the processors there are.
            They are started only when the first tasks show that they save time.
        progress: show a bar if the standard error stream is a terminal (in a notebook it is not,
            so that outputs stay the same).
        label: what the bar says.

    Raises:
        InputError: the scheduler cannot be reached, has no worker, or a worker has another version
            of this package or of a library.
        AnalysisError: the cluster was lost, or a task ends every worker that it is given to.
        Exception: whatever `function` raises, for the first task that raises.
    """
    words = (purpose,) if isinstance(purpose, str) else tuple(purpose)
    tasks = list(tasks)
    address = scheduler or os.environ.get(SCHEDULER_VARIABLE)
    with _bar(len(tasks), label or words[-1], progress) as advance:
        if address and tasks:
            return _on_cluster(function, tasks, seed, words, address, advance)
        return _here(function, tasks, seed, words, _count(workers), advance)


def task_generator(seed: int, purpose: Sequence[str], position: int) -> np.random.Generator:
    """Return the generator of the task at `position`: a child of the seed sequence of `purpose`."""
    parent = seed_sequence(seed, *purpose)
    return np.random.default_rng(np.random.SeedSequence(parent.entropy, spawn_key=(position,)))


def _count(workers: int | None) -> int:
    if workers is None:
        given = os.environ.get(WORKERS_VARIABLE, "")
        workers = int(given) if given.isdecimal() else processors()
    return max(1, workers)


def _chunk(
    function: Callable[[Any, np.random.Generator], Any],
    tasks: Sequence[Any],
    seed: int,
    words: tuple[str, ...],
    start: int,
) -> list[Any]:
    return [
        function(task, task_generator(seed, words, start + offset))
        for offset, task in enumerate(tasks)
    ]


# ── On this machine ───────────────────────────────────────────────────────────────────────────────


def _here(
    function: Callable[[Any, np.random.Generator], Any],
    tasks: list[Any],
    seed: int,
    words: tuple[str, ...],
    workers: int,
    advance: Callable[[int], None],
) -> list[Any]:
    results: list[Any] = []
    started = time.monotonic()
    while len(results) < len(tasks):
        results += _chunk(function, [tasks[len(results)]], seed, words, len(results))
        advance(1)
        spent = time.monotonic() - started
        left = len(tasks) - len(results)
        each = spent / len(results)
        if (
            workers > 1
            and left > 1
            and spent > _TRIAL_SECONDS
            and each * left > _WORTHWHILE_SECONDS
        ):
            size = max(1, min(round(_CHUNK_SECONDS / each), -(-left // workers)))
            results += _in_processes(
                function, tasks, seed, words, len(results), size, workers, advance
            )
    return results


def _in_processes(
    function: Callable[[Any, np.random.Generator], Any],
    tasks: list[Any],
    seed: int,
    words: tuple[str, ...],
    first: int,
    size: int,
    workers: int,
    advance: Callable[[int], None],
) -> list[Any]:
    """Return the results from `first` on; what a dead process leaves undone is done here."""
    shared = cloudpickle.dumps(function)
    done: dict[int, list[Any]] = {}
    starts = list(range(first, len(tasks), size))
    with _pool(min(workers, len(starts))) as pool:
        futures: dict[Future[list[Any]], int] = {}
        try:
            for start in starts:
                payload = cloudpickle.dumps((tasks[start : start + size], seed, words, start))
                futures[pool.submit(_pickled_chunk, shared, payload)] = start
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    done[futures[future]] = future.result()
                    advance(len(done[futures[future]]))
        except BrokenProcessPool:
            pass
    for start in starts:
        if start not in done:
            done[start] = _chunk(function, tasks[start : start + size], seed, words, start)
            advance(len(done[start]))
    return [result for start in starts for result in done[start]]


def _pickled_chunk(function: bytes, rest: bytes) -> list[Any]:
    return _chunk(_loaded(function), *pickle.loads(rest))


@lru_cache(maxsize=4)
def _loaded(function: bytes) -> Callable[[Any, np.random.Generator], Any]:
    loaded: Callable[[Any, np.random.Generator], Any] = pickle.loads(function)
    return loaded


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes, none of which outlives the block or this process.

    They come from a fork server, not from a fork of this process: a notebook's kernel has threads,
    whose locks a fork would copy in whatever state they are.
    """
    context = fork_server(_PRELOAD if PRELOAD not in os.environ else None)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_working)
    before = set(multiprocessing.active_children())
    try:
        yield pool
    finally:
        processes = set(multiprocessing.active_children()) - before
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _start_working() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


# ── On a cluster ──────────────────────────────────────────────────────────────────────────────────


def _on_cluster(
    function: Callable[[Any, np.random.Generator], Any],
    tasks: list[Any],
    seed: int,
    words: tuple[str, ...],
    address: str,
    advance: Callable[[int], None],
) -> list[Any]:
    payload = cloudpickle.dumps(function)
    expected = fingerprint()
    with connected(address) as client:
        threads = max(1, sum(client.nthreads().values()))
        size = max(1, -(-len(tasks) // (threads * _CHUNKS_PER_THREAD)))
        starts = range(0, len(tasks), size)
        calls = [
            (payload, cloudpickle.dumps((tasks[s : s + size], seed, words, s)), expected)
            for s in starts
        ]
        done: dict[int, list[Any]] = {}
        for position, result in completed(client, _checked_chunk, calls, address):
            done[position] = result
            advance(len(result))
    return [result for position in range(len(starts)) for result in done[position]]


def _checked_chunk(function: bytes, rest: bytes, expected: dict[str, str]) -> list[Any]:
    check_worker(expected)
    return _pickled_chunk(function, rest)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give a client of the Dask scheduler at `address`, with at least one worker.

    Raises:
        InputError: there is no scheduler, or no worker joins it within a minute.
    """
    check_scheduler(address)
    from distributed import Client

    for name in ("distributed.client", "distributed.core", "distributed.batched"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, heartbeat_interval="2s"
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise _no_scheduler(address, error) from None
    try:
        try:
            client.wait_for_workers(1, timeout=_WAIT_FOR_WORKER)
        except TimeoutError:
            raise InputError(
                "the Dask scheduler has no worker",
                value=address,
                remedy=f"start some: python -m mlsec_survey.runner.cluster {address}",
            ) from None
        yield client
    finally:
        client.close(timeout=5)


def check_scheduler(address: str) -> None:
    """Check that Dask is installed and that somebody listens at an address.

    It says at once what Dask's client would say after many attempts to connect.

    Raises:
        InputError: one of the two is not so.
    """
    if importlib.util.find_spec("distributed") is None:
        raise InputError(
            "Dask is not installed, which a scheduler needs",
            value=address,
            remedy="install the extra `cluster`: make setup-lab, or pip install -e '.[cluster]'",
        )
    try:
        parts = urlsplit(address)
        if not parts.hostname or not parts.port:
            raise ValueError(address)
        socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _no_scheduler(address, error) from None


def _no_scheduler(address: str, error: Exception) -> InputError:
    return InputError(
        f"no Dask scheduler answers ({type(error).__name__})",
        value=address,
        remedy="start one as docs/cluster.md says, or leave the scheduler out",
    )


def completed(
    client: Any,
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    address: str,
) -> Iterator[tuple[int, Any]]:
    """Yield position and result of each call as it is completed on a cluster.

    Calls that were on a worker that died are done again on another one.

    Raises:
        AnalysisError: the scheduler was lost, or one call was on many workers that died.
        Exception: what a call raised.
    """
    from asyncio import CancelledError as AsyncCancelled
    from concurrent.futures import CancelledError

    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    given_up = [0] * len(calls)
    futures = {
        client.submit(function, *call, pure=False): position for position, call in enumerate(calls)
    }
    waiting = as_completed(list(futures), loop=client.loop)
    try:
        for future in waiting:
            position = futures.pop(future)
            try:
                yield position, future.result()
            except KilledWorker:
                given_up[position] += 1
                if given_up[position] > _MORE_CHANCES:
                    raise AnalysisError(
                        f"part {position + 1} of {len(calls)} ended every worker that it ran on\n"
                        "  What to do: look at the workers' logs; they may be short of memory"
                    ) from None
                again = client.submit(function, *calls[position], pure=False)
                futures[again] = position
                waiting.add(again)
            except (CancelledError, AsyncCancelled, OSError) as error:
                if isinstance(error, OSError) and client.status == "running":
                    raise
                raise AnalysisError(
                    f"the Dask scheduler at {address} was lost\n"
                    "  What to do: start it again, then run again; what was finished is kept"
                ) from None
            except ModuleNotFoundError as error:
                raise InputError(
                    f"a worker cannot import {error.name}",
                    value=address,
                    remedy="install this project and its locked libraries where the workers run",
                ) from None
    finally:
        for future in futures:
            future.cancel()


@lru_cache(maxsize=1)
def fingerprint() -> dict[str, str]:
    """Return what has to be equal on client and workers: this package's code, and versions.

    It is computed once for each process, since a process keeps the code that it has imported.
    """
    folder = Path(__file__).resolve().parents[1]
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        code.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    found = {"mlsec_survey": code.hexdigest()[:12]}
    found["python"] = ".".join(map(str, sys.version_info[:2]))
    for name in ("numpy", "scipy", "pandas", "statsmodels", "matplotlib", "distributed"):
        found[name] = importlib.metadata.version(name)
    return found


def check_worker(expected: dict[str, str]) -> None:
    """Check, on a worker, that it would compute the same as the client.

    Raises:
        InputError: its code, a library or its floating-point environment differs.
    """
    here = fingerprint()
    for name, version in expected.items():
        if here.get(name) != version:
            raise InputError(
                f"a worker has {name} {here.get(name)}, this process has {version}",
                remedy="bring both to the same state of the project, then restart the workers",
            )
    if not fixed_environment_is_set():
        raise InputError(
            "a worker computes with other processor settings, so last digits could differ",
            remedy="start workers with: python -m mlsec_survey.runner.cluster ADDRESS",
        )


# ── Progress ──────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _bar(total: int, label: str, wanted: bool) -> Iterator[Callable[[int], None]]:
    stream = sys.stderr
    if not wanted or stream is None or not stream.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=label, file=stream, leave=False) as bar:
        yield lambda amount: bar.update(amount) and None
