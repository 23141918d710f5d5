"""Which step is next, and what becomes of the others when one fails."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from mlsec_survey.base.parameters import read_schema
from mlsec_survey.runner.engine import do
from mlsec_survey.runner.pipeline import NotebookEntry, Pipeline
from mlsec_survey.runner.steps import DEFAULT_RUN, Run, Step
from mlsec_survey.runner.store import Store
from mlsec_survey.runner.workspace import Workspace

PIPELINE = Pipeline(read_schema({}), {}, None)


class Workplace:
    """Makes steps that note when they begin, and how many work at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begun: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def step(self, name: str, *after: str, fails: bool = False) -> Step:
        def make(output: Path) -> None:
            with self._lock:
                self.begun.append(name)
                self._now += 1
                self.most = max(self.most, self._now)
            time.sleep(0.03)
            with self._lock:
                self._now -= 1
            if fails:
                raise ValueError(name)
            (output / name).write_text(name)

        def inputs() -> dict[str, str]:
            missing = [other for other in after if not (self.folder / other).exists()]
            if missing:
                raise FileNotFoundError(missing[0])
            return {"name": name}

        return Step(Run(DEFAULT_RUN, self.folder), name, after, inputs, make)

    def side_by_side(self, jobs: int) -> Workspace:
        """A workspace for so many steps at a time."""
        return Workspace(self.folder, PIPELINE, jobs=jobs)

    @property
    def store(self) -> Store:
        return Store(self.folder / ".cache")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.mark.slow
def test_of_the_steps_that_could_be_next_the_first_in_the_list_is(place: Workplace) -> None:
    steps = [
        place.step("first"),
        place.step("long", "first"),
        *(place.step(f"short{k}", "first") for k in range(6)),
        place.step("last", "long", "short5"),
    ]
    # In whatever order threads or sets offer them: the longest was moved to the front for a reason.
    outcome = do(steps, place.store, place.side_by_side(1), quiet=True)
    assert place.begun == [step.name for step in steps]
    assert outcome.made == place.begun
    assert place.most == 1


def test_steps_work_side_by_side_up_to_the_number_of_jobs(place: Workplace) -> None:
    steps = [place.step(f"s{k}") for k in range(7)]
    do(steps, place.store, place.side_by_side(3), quiet=True)
    assert place.most == 3
    assert set(place.begun[:3]) == {"s0", "s1", "s2"}


def test_what_depends_on_a_failure_is_left_out_and_the_rest_is_done(place: Workplace) -> None:
    steps = [
        place.step("bad", fails=True),
        place.step("after bad", "bad"),
        place.step("after that", "after bad"),
        place.step("good"),
        place.step("after good", "good"),
    ]
    outcome = do(steps, place.store, place.side_by_side(2), quiet=True)
    assert list(outcome.failed) == ["bad"]
    assert sorted(outcome.made) == ["after good", "good"]
    assert outcome.left_out == ["after bad", "after that"]
    assert outcome.exit_status == 1


def test_a_step_that_is_not_listed_counts_as_done(place: Workplace) -> None:
    (place.folder / "elsewhere").touch()
    assert do(
        [place.step("x", "elsewhere")], place.store, place.side_by_side(1), quiet=True
    ).made == ["x"]


def test_current_steps_are_not_made_again_and_do_not_hold_up_others(place: Workplace) -> None:
    steps = [place.step("a"), place.step("b", "a"), place.step("c", "b")]
    do(steps, place.store, place.side_by_side(2), quiet=True)
    (place.folder / "b").write_text("changed by hand")
    place.begun.clear()
    outcome = do(steps, place.store, place.side_by_side(2), quiet=True)
    assert (outcome.current, outcome.reused, outcome.made) == (["a", "c"], ["b"], [])
    assert place.begun == []


def test_of_notebooks_that_could_begin_the_longest_does() -> None:
    def entry(name: str, seconds: float, *inputs: str) -> NotebookEntry:
        outputs = ("a.parquet",) if name == "a" else ()
        return NotebookEntry(name, "t", "q", inputs=inputs, outputs=outputs, seconds=seconds)

    entries = [
        entry("intro", 0),
        entry("a", 1),
        entry("b", 2, "a.parquet"),
        entry("c", 9, "a.parquet"),
        entry("end", 99, "published:b", "published:c"),
    ]
    pipeline = Pipeline(read_schema({}), {one.name: one for one in entries}, None)
    assert [one.name for one in pipeline.by_start()] == ["a", "c", "b", "end", "intro"]
    # How long it takes does not make it another notebook.
    assert repr(entries[1]) == repr(entry("a", 5))
