"""Processes forked from one that has libraries loaded, which end with the one that asked for them.

Python's own fork server, of `multiprocessing`, is one process that loads the modules that it is
told, then forks whenever it is asked to. It has one thread and starts as a fresh interpreter, so
that nothing of this process's state reaches a fork, and no lock that another thread holds.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext, SpawnContext

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
