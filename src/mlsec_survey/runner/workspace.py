"""What the steps of a run work with: the project's folder, its pipeline, and processes."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from mlsec_survey.base.errors import AnalysisError, CompendiumError, InputError
from mlsec_survey.parallel.environment import fixed_environment
from mlsec_survey.parallel.processes import end_with_parent, fork_server
from mlsec_survey.runner.fingerprint import Modules, code_of, imported_modules
from mlsec_survey.runner.kernels import LOADED_FIRST
from mlsec_survey.runner.pipeline import NotebookEntry, NotebookJob, Pipeline

# What git puts around two versions; in a notebook's prose it may have become a comment.
_CONFLICT = re.compile(r"^(?:# )?(?:<{7}|>{7}) \S.*$", re.MULTILINE)
PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


class Workspace:
    """A project's folder with what steps need to do their work.

    Attributes:
        root: folder of the project.
        pipeline: as declared.
        cache: folder for what can be made again.
        jobs: how many steps are done side by side on this machine.
        scheduler: address of a Dask scheduler for computations inside notebooks, or None.
        remote: executes notebooks elsewhere; None executes them here.
        modules: of this package, and what they import.
    """

    def __init__(
        self,
        root: Path,
        pipeline: Pipeline,
        *,
        jobs: int = 1,
        fork: bool = True,
        scheduler: str | None = None,
    ) -> None:
        """Prepare a workspace; processes are started when the first step needs them.

        Args:
            root: see above, like `pipeline`, `jobs` and `scheduler`.
            pipeline: see `root`.
            jobs: see `root`.
            fork: whether kernels are forked where that is possible.
            scheduler: see `root`.
        """
        self.root = root
        self.pipeline = pipeline
        self.cache = root / ".cache"
        self.jobs = jobs
        self.scheduler = scheduler
        self.remote: Any = None
        self.modules = Modules(PACKAGE_FOLDER, self.cache / "imports.json")
        self._fork = fork
        self._pool: ProcessPoolExecutor | None = None

    @property
    def steps_at_a_time(self) -> int:
        """How many steps to do side by side, so that this machine and others are busy."""
        return self.jobs + (0 if self.remote is None else self.remote.jobs)

    def source(self, entry: NotebookEntry) -> str:
        """Return the text of a notebook as it is now."""
        return self.text(entry.source)

    def text(self, path: Path) -> str:
        """Return the content of a text of the project.

        Raises:
            InputError: two versions of it were merged and the conflict is not resolved.
        """
        text = (self.root / path).read_text(encoding="utf-8")
        if found := _CONFLICT.search(text):
            raise InputError(
                "a conflict of two versions is not resolved here",
                file=path,
                row=text.count("\n", 0, found.start()) + 1,
                value=found.group(),
                remedy="choose between the versions, and remove the three lines of marks",
            )
        return text

    @contextlib.contextmanager
    def processes(self) -> Iterator[None]:
        """Let steps use processes in this block; none outlives it."""
        earlier = dict(os.environ)
        (self.cache / "ipython").mkdir(parents=True, exist_ok=True)
        _set_environment(fixed_environment(self.cache / "ipython"))
        context = fork_server(self._to_preload() if self._fork else [])
        # The server loads what it is told while this process loads what it needs itself.
        threading.Thread(target=_start_server, args=(context,), daemon=True).start()
        self._pool = ProcessPoolExecutor(self.jobs, context, initializer=end_with_parent)
        try:
            yield
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            _set_environment(earlier)

    def execute(self, job: NotebookJob, inputs: Mapping[str, Path], failed: Path) -> None:
        """Execute a notebook here, or wherever `remote` does.

        Args:
            job: what to execute.
            inputs: files and folders that it reads, by name.
            failed: where the notebook is kept for inspection if a cell fails.
        """
        if self.remote is not None:
            self.remote.execute(job, inputs)
            return
        # Loaded only where a notebook is executed; most calls find nothing to do.
        from mlsec_survey.runner.execute import execute_notebook

        execute_notebook(job, failed, fork=self._fork)

    def call(self, module: str, function: str, **arguments: Any) -> Any:
        """Call a function of a module in a process of its own.

        Raises:
            AnalysisError: the process was ended.
            Exception: whatever the function raises.
        """
        assert self._pool is not None
        try:
            return self._pool.submit(_call, module, function, arguments).result()
        except BrokenProcessPool:
            raise AnalysisError(f"{function}: its process was ended; run again") from None

    def _to_preload(self) -> list[str]:
        """Return the modules that notebooks import, directly or through the project's own."""
        found = dict.fromkeys(LOADED_FIRST)
        for entry in self.pipeline.notebooks.values():
            # What is wrong with a source, its step will say.
            with contextlib.suppress(OSError, CompendiumError):
                code = code_of(self.source(entry))
                found |= dict.fromkeys(imported_modules(code))
                found |= dict.fromkeys(self.modules.used_by(code))
        return list(found)


def _set_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _start_server(context: Any) -> None:
    with contextlib.suppress(OSError, EOFError):
        context.Process(target=int).start()


def _call(module: str, function: str, arguments: dict[str, Any]) -> Any:
    return getattr(importlib.import_module(module), function)(**arguments)
