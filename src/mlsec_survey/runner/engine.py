"""Doing steps in order and side by side, with doit; each is skipped when nothing changed."""

from __future__ import annotations

import heapq
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from mlsec_survey.errors import AnalysisError, CompendiumError
from mlsec_survey.runner.fingerprint import combined
from mlsec_survey.runner.steps import Step
from mlsec_survey.runner.store import Store

# doit's own status for an error outside of the tasks, which it prints and does not raise.
_DOIT_BROKE = 3


@dataclass
class Outcome:
    """What became of the steps, by label, in the order in which they ended."""

    made: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def exit_status(self) -> int:
        """0 all done, 1 an analysis failed, 2 bad input, 3 only TeX was missing."""
        statuses = {getattr(error, "exit_status", 1) for error in self.failed.values()}
        return next((status for status in (2, 1, 3) if status in statuses), 0)


class Progress:
    """Tells what runs now: a bar on a terminal, plain lines elsewhere."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._total = total
        self._done = 0
        self._running: list[str] = []
        self._bar: Any = None
        self._lock = threading.Lock()

    def started(self, label: str) -> None:
        """A step's work begins."""
        with self._lock:
            self._running.append(label)
            if self._bar is None and self._stream.isatty():
                from tqdm import tqdm

                self._bar = tqdm(
                    total=self._total,
                    initial=self._done,
                    file=self._stream,
                    bar_format="{bar:24} {n}/{total} {desc}",
                )
            self._show()

    def ended(self, label: str, word: str) -> None:
        """A step is done, or needs nothing."""
        with self._lock:
            worked = label in self._running
            self._done += 1
            if worked:
                self._running.remove(label)
            if self._bar is not None:
                self._bar.update(1)
            elif worked:
                print(f"{word:>8} {label}", file=self._stream, flush=True)
            self._show()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.set_description_str("")
            self._bar.close()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.set_description_str(", ".join(self._running)[:60])


class _Slots:
    """Lets a number of steps work at a time; a free slot goes to the waiting one of lowest rank."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: list[int] = []
        self._changed = threading.Condition()

    @contextmanager
    def one(self, rank: int) -> Iterator[None]:
        """Hold a slot."""
        with self._changed:
            heapq.heappush(self._waiting, rank)
            self._changed.wait_for(lambda: self._free and self._waiting[0] == rank)
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


def _check_unchanged(before: dict[str, str], after: dict[str, str]) -> None:
    changed = [name for name in before if after.get(name) != before[name]]
    if changed:
        raise AnalysisError(
            f"its {changed[0]} was changed while it ran, so that the result was thrown away\n"
            "  What to do: run again"
        )


def do(
    steps: Sequence[Step],
    store: Store,
    *,
    jobs: int,
    force: frozenset[str] = frozenset(),
    quiet: bool = False,
) -> Outcome:
    """Do the steps that need doing.

    Args:
        steps: all steps; `after` refers to steps of the same run, those not listed are taken as
            done.
        store: keeps results.
        jobs: how many steps run side by side.
        force: labels of steps to make anew.
        quiet: without progress.
    """
    outcome = Outcome()
    progress = Progress(len(steps)) if not quiet else None
    lock = threading.Lock()
    listed = {step.label for step in steps}
    known: dict[str, dict[str, str]] = {}

    slots = _Slots(jobs)
    rank = {step.label: position for position, step in enumerate(steps)}

    def is_current(step: Step) -> bool:
        if step.label in force:
            return False
        try:
            known[step.label] = step.inputs()
        except Exception:
            # The work itself will meet and report the problem.
            return False
        return store.is_current(
            step.run.name, step.name, step.run.folder, combined(known[step.label])
        )

    def work(step: Step) -> bool:
        with slots.one(rank[step.label]):
            return work_now(step)

    def work_now(step: Step) -> bool:
        started = time.monotonic()
        if progress:
            progress.started(step.label)
        try:
            inputs = known.get(step.label) or step.inputs()
            sha = combined(inputs)

            def make(output: Path) -> None:
                step.make(output)
                _check_unchanged(inputs, step.inputs())

            with store.making(sha):
                reused = store.holds(sha) and step.label not in force
                if not reused:
                    store.make(sha, make)
            with lock:
                store.install(step.run.name, step.name, step.run.folder, sha, inputs)
        except Exception as error:
            with lock:
                outcome.failed[step.label] = error
            if not isinstance(error, CompendiumError):
                logging.getLogger(__name__).exception("step %s", step.label)
            if progress:
                progress.ended(step.label, "failed")
            return False
        with lock:
            (outcome.reused if reused else outcome.made).append(step.label)
            outcome.seconds[step.label] = time.monotonic() - started
        if progress:
            progress.ended(step.label, "reused" if reused else "made")
        return True

    def current(label: str) -> None:
        outcome.current.append(label)
        if progress:
            progress.ended(label, "current")

    if all(is_current(step) for step in steps):
        # Most calls find nothing to do and need no task engine.
        outcome.current = [step.label for step in steps]
        return outcome
    try:
        _with_doit(steps, listed, is_current, work, current, jobs, outcome)
    finally:
        if progress:
            progress.close()
    done = {*outcome.made, *outcome.reused, *outcome.current, *outcome.failed}
    outcome.left_out = [step.label for step in steps if step.label not in done]
    return outcome


def _with_doit(
    steps: Sequence[Step],
    listed: set[str],
    is_current: Callable[[Step], bool],
    work: Callable[[Step], bool],
    current: Callable[[str], None],
    jobs: int,
    outcome: Outcome,
) -> None:
    from doit.cmd_base import TaskLoader2
    from doit.doit_cmd import DoitMain
    from doit.task import Task

    by_label = {step.label: step for step in steps}

    def prefixed(step: Step, name: str) -> str:
        return step.label.removesuffix(step.name) + name

    def check(step: Step) -> Callable[..., bool]:
        def uptodate(task: Any, values: Any) -> bool:
            return is_current(step)

        return uptodate

    class Reporter:
        """Hears from doit; the work reports for itself."""

        desc = "silent"

        def __init__(self, outstream: Any, options: Any) -> None:
            pass

        def skip_uptodate(self, task: Any) -> None:
            current(task.name)

        def add_failure(self, task: Any, fail: Any) -> None:
            if task.name not in outcome.failed and "Unmet" not in type(fail).__name__:
                outcome.failed[task.name] = RuntimeError(str(fail))

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_, **__: None

    class Loader(TaskLoader2):
        def setup(self, opt_values: Any) -> None:
            pass

        def load_doit_config(self) -> dict[str, Any]:
            return {
                "dep_file": ":memory:",
                "backend": "memory",
                "reporter": Reporter,
                "verbosity": 0,
                "continue": True,
                # Threads also for one job, so that the main thread can answer to signals; and more
                # than jobs, so that of all that could go on the first in order takes a free slot.
                "num_process": min(len(steps), 4 * jobs + 8),
                "par_type": "thread",
            }

        def load_tasks(self, cmd: Any, pos_args: Any) -> list[Task]:
            return [
                Task(
                    step.label,
                    [(work, (step,))],
                    task_dep=[n for n in (prefixed(step, a) for a in step.after) if n in listed],
                    uptodate=[check(step)],
                    io={"capture": False},
                )
                for step in by_label.values()
            ]

    extra = {"BACKEND": {"memory": f"{__name__}:MemoryBackend"}}
    if DoitMain(Loader(), extra_config=extra).run(["run"]) == _DOIT_BROKE:
        raise RuntimeError("the task engine broke; its message stands above")


class MemoryBackend:
    """Keeps doit's own notes for the time of one run; what lasts is in the store's records."""

    def __init__(self, name: str, codec: Any = None, module_name: str | None = None) -> None:
        self.name = name
        self._notes: dict[str, dict[str, Any]] = {}

    def dump(self) -> None:
        """Nothing outlives the run."""

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Note a value."""
        self._notes.setdefault(task_id, {})[dependency] = value

    def get(self, task_id: str, dependency: str) -> Any:
        """Return a value or None."""
        return self._notes.get(task_id, {}).get(dependency)

    def in_(self, task_id: str) -> bool:
        """Return whether there are notes on a task."""
        return task_id in self._notes

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        self._notes.pop(task_id, None)

    def remove_all(self) -> None:
        """Forget all."""
        self._notes.clear()
