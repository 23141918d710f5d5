"""Doing steps in order and side by side; each is skipped when nothing changed."""

from __future__ import annotations

import heapq
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TextIO

from mlsec_survey.base.errors import AnalysisError, CompendiumError
from mlsec_survey.base.files import input_error
from mlsec_survey.runner.fingerprint import combined
from mlsec_survey.runner.steps import Step
from mlsec_survey.runner.store import Store
from mlsec_survey.runner.workspace import Workspace


@dataclass
class Outcome:
    """What became of the steps, by label, in the order in which they ended."""

    made: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    failed: dict[str, Exception] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Outcome) -> None:
        """Take in what became of further steps."""
        self.made += other.made
        self.reused += other.reused
        self.current += other.current
        self.left_out += other.left_out
        self.failed |= other.failed
        self.seconds |= other.seconds

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


def _check_unchanged(before: dict[str, str], after: dict[str, str]) -> None:
    changed = [name for name in before if after.get(name) != before[name]]
    if changed:
        raise AnalysisError(
            f"its {changed[0]} was changed while it ran, so that the result was thrown away\n"
            "  What to do: run again"
        )


def _to_revise(step: Step, store: Store, inputs: dict[str, str]) -> Path | None:
    """Return the folder of earlier outputs if nothing has changed since but what they show."""
    record = store.record(step.run.name, step.name)
    if record is None or step.revise is None:
        return None
    changed = {
        name for name in inputs | record.inputs if inputs.get(name) != record.inputs.get(name)
    }
    revisable = changed <= step.shown_only and store.holds(record.digest)
    return store.files(record.digest) if revisable else None


def do(
    steps: Sequence[Step],
    store: Store,
    work: Workspace,
    *,
    force: frozenset[str] = frozenset(),
    quiet: bool = False,
) -> Outcome:
    """Do the steps that need doing.

    Args:
        steps: all steps; `after` refers to steps of the same run, those not listed are taken as
            done.
        store: keeps results.
        work: starts processes where there is work for them.
        force: labels of steps to make anew.
        quiet: without progress.
    """
    outcome = Outcome()
    progress = Progress(len(steps)) if not quiet else None
    lock = threading.Lock()
    known: dict[str, dict[str, str]] = {}

    def is_current(step: Step) -> bool:
        if step.label in force:
            return False
        try:
            known[step.label] = step.inputs()
        except Exception:
            # The work itself will meet and report the problem.
            known.pop(step.label, None)
            return False
        return store.is_current(
            step.run.name, step.name, step.run.folder, combined(known[step.label])
        )

    def bring_up_to_date(step: Step) -> bool:
        started = time.monotonic()
        if progress:
            progress.started(step.label)
        try:
            inputs = known.get(step.label) or step.inputs()
            sha = combined(inputs)

            earlier = None if step.label in force else _to_revise(step, store, inputs)

            def make(output: Path) -> None:
                if earlier is not None and step.revise is not None:
                    step.revise(earlier, output)
                else:
                    step.make(output)
                _check_unchanged(inputs, step.inputs())

            with store.making(sha):
                reused = store.holds(sha) and step.label not in force
                if not reused:
                    store.make(sha, make)
            with lock:
                if step.rescue is not None:
                    step.rescue(store.record(step.run.name, step.name))
                store.install(step.run.name, step.name, step.run.folder, sha, inputs)
        except Exception as problem:
            error = input_error(problem) if isinstance(problem, OSError) else problem
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
            progress.ended(step.label, "reused" if reused else "revised" if earlier else "made")
        return True

    def do_one(step: Step) -> bool:
        if not is_current(step):
            return bring_up_to_date(step)
        with lock:
            outcome.current.append(step.label)
        if progress:
            progress.ended(step.label, "current")
        return True

    if all(is_current(step) for step in steps):
        # Most calls find nothing to do and need no threads.
        outcome.current = [step.label for step in steps]
        return outcome
    try:
        with work.processes():
            _in_order(steps, do_one, work.steps_at_a_time)
    finally:
        if progress:
            progress.close()
    done = {*outcome.made, *outcome.reused, *outcome.current, *outcome.failed}
    outcome.left_out = [step.label for step in steps if step.label not in done]
    return outcome


def _in_order(steps: Sequence[Step], do_one: Callable[[Step], bool], jobs: int) -> None:
    """Call `do_one` for each step whose earlier steps are done, in threads.

    Of the steps that could be next, the first in the list is. What comes after one for which
    `do_one` returned False is left out.
    """
    rank = {step.label: position for position, step in enumerate(steps)}
    order = TopologicalSorter(
        {step.label: [label for label in _before(step) if label in rank] for step in steps}
    )
    order.prepare()
    ready: list[int] = []
    running: dict[Future[bool], str] = {}
    pool = ThreadPoolExecutor(jobs)
    try:
        while True:
            for label in order.get_ready():
                heapq.heappush(ready, rank[label])
            while ready and len(running) < jobs:
                step = steps[heapq.heappop(ready)]
                running[pool.submit(do_one, step)] = step.label
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                label = running.pop(future)
                if future.result():
                    order.done(label)
    finally:
        # After an interruption the steps under way end with the processes that work for them.
        pool.shutdown(wait=False, cancel_futures=True)


def _before(step: Step) -> Iterator[str]:
    """Yield the labels of the steps that come before one."""
    prefix = step.label.removesuffix(step.name)
    return (prefix + name for name in step.after)
