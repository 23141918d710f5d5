"""A process that has done the heavy imports and forks kernels and jobs from that state.

Run as `python -m mlsec_survey.runner.kernels.warm_server FD FIRST USED`, with FD one end of a
socket pair whose other end the runner holds, and what the first notebooks and all notebooks import,
with commas between. The first line from the runner is JSON with what is still missing in the
environment; then a request is one JSON line, and so is the reply. When the runner goes away,
however that happens, the socket closes and the server ends; Linux then ends the server's children,
which asked for that.

Fork copies one thread only, so the server stays single-threaded: it checks before each fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, NoReturn

from mlsec_survey.runner.kernels.lifeline import end_group_with_parent, end_with_parent
from mlsec_survey.runner.kernels.quick_imports import quick_imports

# None of these needs NumPy, so they can be loaded before it is known which of its paths to disable.
_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "pydantic", "yaml")
_BASE = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "pyarrow.dataset",
    "matplotlib_inline.backend_inline",
    "matplotlib.pyplot",
    "PIL.PngImagePlugin",
)
# Loaded where a notebook imports them.
_LARGE = (
    "scipy.special",
    "scipy.optimize",
    "scipy.stats",
    "statsmodels.api",
    "statsmodels.formula.api",
    "statsmodels.miscmodels.ordinal_model",
    "statsmodels.genmod.generalized_estimating_equations",
    "seaborn",
)
_PAGES = ("nbformat", "nbconvert.exporters.html", "mlsec_survey.runner.outputs.pages")
_PACKAGE = "mlsec_survey."


def load(names: Iterable[str], check: Callable[[], None] = lambda: None) -> None:
    """Import modules; one that cannot be imported fails in the notebook that needs it.

    Args:
        names: of modules.
        check: called before each; ends the process if nobody waits for it any more.
    """
    for name in names:
        check()
        with contextlib.suppress(Exception), quick_imports():
            importlib.import_module(name)


def preload(used: Collection[str] = (), check: Callable[[], None] = lambda: None) -> None:
    """Import what the first notebooks import.

    Args:
        used: packages, and modules of the project, that they import.
        check: as for `load`.
    """
    load(_BASE, check)
    import pandas as pd

    # On import pandas asks whether a terminal shows its tables; in a kernel none does.
    pd.set_option("display.max_columns", 20)
    load(_large(used), check)
    load([name for name in used if name.startswith(_PACKAGE)], check)
    with contextlib.suppress(Exception):
        _draw_something()


def for_all(used: Collection[str] = ()) -> list[str]:
    """Return the modules that any notebook may need: large packages in use, all of the project."""
    package = Path(__file__).resolve().parents[2]
    own = [path.relative_to(package).with_suffix("").parts for path in package.rglob("*.py")]
    needed = [parts for parts in own if not {"runner", "standin", "__init__"} & set(parts)]
    return [*_large({*used, "scipy"}), *sorted(_PACKAGE + ".".join(parts) for parts in needed)]


def _large(used: Collection[str]) -> list[str]:
    return [name for name in _LARGE if name.partition(".")[0] in used]


def _draw_something() -> None:
    """Draw a small figure as notebooks do: the first of a process is slow, the next are not."""
    from mlsec_survey.figures import style

    with style.house_style():
        figure = style.new_figure("narrow", 1)
        axes = figure.add_subplot(title="warm", xlabel="x")
        axes.plot([0, 1], [0, 1], label="a")
        axes.legend()
    style.figure_files(figure, "warm")


def main(descriptor: int, first: Collection[str], used: Collection[str]) -> None:
    """Serve requests until the runner goes away.

    Args:
        descriptor: of the server's end of the socket pair.
        first: packages, and modules of the project, that the notebooks import that wait for none.
        used: packages that all notebooks import, and `nbconvert` where pages are wanted.
    """
    connection = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def check() -> None:
        with contextlib.suppress(BlockingIOError):
            if not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                os._exit(0)

    # All that is loaded stays: the collector need not look for garbage, nor later touch, and so
    # copy, the pages that all forks share.
    gc.disable()
    buffer = connection.makefile("rb")
    load(_KERNEL, check)
    os.environ.update(json.loads(buffer.readline() or b"{}"))
    preload(first, check)
    _send(connection, {"ready": True})
    server = os.getpid()
    missing = for_all(used)
    later = list(_PAGES) if "nbconvert" in used else []
    while True:
        # The first notebooks run while the rest is loaded; they are asked for one after the other.
        patience = 0.05
        while (missing or later) and not select.select([connection], [], [], patience)[0]:
            load([(missing or later).pop(0)])
            patience = 0
        line = buffer.readline()
        if not line:
            os._exit(0)
        _reap()
        request = json.loads(line)
        if not request.get("early"):
            load(missing)
            missing.clear()
        if _threads() != 1:
            _send(connection, {"error": f"the server has {_threads()} threads and cannot fork"})
            continue
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            os.close(descriptor)
            gc.enable()
            _child(server, request)
        _send(connection, {"pid": pid})


def _child(server: int, request: dict[str, Any]) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if request["kind"] == "kernel":
            # At once, whatever it computes; it is alone in its group unless its code starts more.
            os.setsid()
            end_with_parent(server)
        else:
            end_group_with_parent(server)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        {"kernel": _run_kernel, "call": _run_call}[request["kind"]](request)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run_kernel(request: dict[str, Any]) -> None:
    import random

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    # What a fresh interpreter would do: entropy of its own, and nothing of the server's main.
    random.seed()
    np.random.seed(None)  # noqa: NPY002
    sys.argv = ["ipykernel_launcher", *request["argv"]]
    app = IPKernelApp.instance()
    app.initialize(request["argv"])
    app.start()


def _run_call(request: dict[str, Any]) -> None:
    module, name = request["function"].split(":")
    getattr(importlib.import_module(module), name)(**request["arguments"])


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # The folder in which the runner was started is no place to import from.
        del sys.path[0]
    main(int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3].split(","))
