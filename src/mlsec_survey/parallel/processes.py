"""Processes forked from one that has libraries loaded, and how many of them there may be.

Python's own fork server, of `multiprocessing`, is one process that loads the modules that it is
told, then forks whenever it is asked to. It has one thread and starts as a fresh interpreter, so
that nothing of this process's state reaches a fork, and no lock that another thread holds. Forks
end with the process that asked for them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

PRELOAD = "FORK_SERVER_PRELOAD"


def fork_server(preload: Iterable[str] | None = None) -> ForkServerContext | SpawnContext:
    """Return the context of forked processes; of fresh ones where forking is not safe.

    Args:
        preload: modules to load before the first fork; default those listed, with commas between,
            in the environment variable FORK_SERVER_PRELOAD. Once the server runs, that is settled.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    if preload is not None:
        os.environ[PRELOAD] = ",".join(preload)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mlsec_survey.parallel.preload"])
    return context


def end_with_parent() -> None:
    """Make this process end when the one that asked for it ends, however that happens."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# ── How many there may be ─────────────────────────────────────────────────────────────────────────

# What a run takes for itself with the libraries loaded, and what each notebook adds to that: some
# for itself, and some for each byte of the export (benchmarks/sizes.py).
_OWN_MEMORY = 400_000_000
_NOTEBOOK_MEMORY = 450_000_000
_MEMORY_PER_BYTE = 40


def processors(control: Path = Path("/")) -> int:
    """Return how many processors this process may use: by affinity, and by its container's quota.

    Args:
        control: root of the file system that describes both, for tests.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    for words in _limits(control, "cpu.max", "cpu/cpu.cfs_quota_us"):
        if len(words) == 2 and words[0].isdecimal():
            count = min(count, int(words[0]) // int(words[1]))
    return max(1, count)


def memory(control: Path = Path("/")) -> int | None:
    """Return how many bytes of memory this process and its children may have; None if unknown."""
    found = [
        int(words[0])
        for words in _limits(control, "memory.max", "memory/memory.limit_in_bytes")
        if words and words[0].isdecimal()
    ]
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def jobs(export: int = 0, control: Path = Path("/")) -> int:
    """Return how many notebooks to execute side by side: as processors and memory allow.

    Args:
        export: size of the raw export in bytes.
        control: see `processors`.
    """
    bytes_ = memory(control)
    most = processors(control)
    if bytes_ is None:
        return most
    each = _NOTEBOOK_MEMORY + _MEMORY_PER_BYTE * export
    return max(1, min(most, (bytes_ - _OWN_MEMORY) // each))


def _limits(control: Path, name: str, old_name: str) -> Iterator[list[str]]:
    """Yield the words of a limit of this process's control group and of those around it.

    Args:
        control: see `processors`.
        name: of the limit's file in today's hierarchy of control groups.
        old_name: of its file in the older one; a quota has its period beside it.
    """
    base = control / "sys" / "fs" / "cgroup"
    try:
        lines = (control / "proc" / "self" / "cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    groups = dict(line.split(":", 2)[1:] for line in lines if line.count(":") >= 2)
    group = Path(groups.get("", "/").lstrip("/"))
    # In a container the group's name may be one that only the host has; its root is seen then.
    for folder in (group, *group.parents, Path()):
        with contextlib.suppress(OSError):
            yield (base / folder / name).read_text(encoding="ascii").split()
    old = base / old_name
    with contextlib.suppress(OSError):
        words = old.read_text(encoding="ascii").split()
        if old.name == "cpu.cfs_quota_us":
            words += (old.parent / "cpu.cfs_period_us").read_text(encoding="ascii").split()
        yield words
