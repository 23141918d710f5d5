"""Seeded tasks: the same numbers here, in processes and on a cluster that loses a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cluster_fixture import Cluster, start_cluster
from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.base.randomness import generator
from mlsec_survey.parallel import tasks
from mlsec_survey.parallel.tasks import _on_cluster

pytestmark = pytest.mark.slow


def draw(task: int, rng: np.random.Generator) -> tuple[int, list[int], int]:
    return task, rng.integers(0, 10**9, 3).tolist(), os.getpid()


def slow_draw(task: int, rng: np.random.Generator, *, seconds: float) -> tuple[int, int, int]:
    time.sleep(seconds)
    return task, int(rng.integers(0, 10**9)), os.getpid()


def numbers(results: list[tuple]) -> list[tuple]:
    return [result[:-1] for result in results]


def processes(results: list[tuple]) -> set[int]:
    return {result[-1] for result in results}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tasks.SCHEDULER_VARIABLE, raising=False)
    monkeypatch.delenv(tasks.WORKERS_VARIABLE, raising=False)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes for work that would take a tenth of a second."""
    monkeypatch.setattr(tasks, "_TRIAL_SECONDS", 0.02)
    monkeypatch.setattr(tasks, "_WORTHWHILE_SECONDS", 0.1)
    monkeypatch.setattr(tasks, "_CHUNK_SECONDS", 0.05)


def test_results_are_in_task_order_and_small_work_stays_in_this_process() -> None:
    results = tasks.run(draw, list(range(50)), seed=1, purpose="p", workers=8)
    assert [result[0] for result in results] == list(range(50))
    assert processes(results) == {os.getpid()}


def test_each_task_has_numbers_of_its_own_that_depend_on_seed_purpose_and_position() -> None:
    def drawn(seed: int, purpose: str | tuple[str, ...], inputs: list[int]) -> list[list[int]]:
        return [result[1] for result in tasks.run(draw, inputs, seed=seed, purpose=purpose)]

    first = drawn(1, "p", [0, 1, 2, 3])
    assert len({tuple(values) for values in first}) == 4
    assert drawn(1, "p", [9, 9]) == first[:2], "the task's content or the count changed the draws"
    assert drawn(2, "p", [0])[0] != first[0]
    assert drawn(1, "q", [0])[0] != first[0]
    assert drawn(1, ("p", "q"), [0])[0] not in (first[0], drawn(1, "q", [0])[0])
    assert generator(1, "p").integers(0, 10**9, 3).tolist() not in first


def test_generator_of_the_project_keeps_its_stream() -> None:
    expected = np.random.default_rng(
        np.random.SeedSequence([1, int.from_bytes(bytes.fromhex("ca978112"), "big")])
    )  # The first four bytes of SHA-256 of "a".
    assert generator(1, "a").random() == expected.random()


def test_processes_give_the_same_numbers(eager: None) -> None:
    function = partial(slow_draw, seconds=0.01)
    serial = tasks.run(function, list(range(60)), seed=3, purpose="p", workers=1)
    spread = tasks.run(function, list(range(60)), seed=3, purpose="p", workers=2)
    assert numbers(spread) == numbers(serial)
    assert len(processes(spread)) == 3, "this process and two more should have worked"
    assert processes(serial) == {os.getpid()}


def test_a_function_of_the_notebook_can_be_sent(eager: None) -> None:
    shift = 5

    def local(task: int, rng: np.random.Generator) -> int:
        time.sleep(0.02)
        return task + shift

    assert tasks.run(local, [1, 2, 3] * 8, seed=1, purpose="p", workers=2) == [6, 7, 8] * 8


def raise_at(task: int, rng: np.random.Generator) -> int:
    time.sleep(0.02)
    if task == 17:
        raise AnalysisError("task 17 cannot be done")
    return task


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_reaches_the_caller_whole(eager: None, workers: int) -> None:
    with pytest.raises(AnalysisError, match="task 17 cannot be done"):
        tasks.run(raise_at, list(range(40)), seed=1, purpose="p", workers=workers)


def die_elsewhere(task: int, rng: np.random.Generator, *, home: int) -> int:
    time.sleep(0.02)
    if os.getpid() != home and task == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return task + int(rng.integers(0, 10**6))


def test_a_process_that_dies_costs_time_only(eager: None) -> None:
    function = partial(die_elsewhere, home=os.getpid())
    spread = tasks.run(function, list(range(40)), seed=1, purpose="p", workers=2)
    assert spread == tasks.run(function, list(range(40)), seed=1, purpose="p", workers=1)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_outlives_a_killed_caller(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        "import os, sys, time\n"
        "from mlsec_survey.parallel import tasks\n"
        "tasks._TRIAL_SECONDS, tasks._WORTHWHILE_SECONDS = 0.01, 0.1\n"
        "def work(task, rng):\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(0.02 if task < 2 else 60)\n"
        "if __name__ == '__main__':\n"
        "    tasks.run(work, [0, 1, 2, 3] * 3, seed=1, purpose='p', workers=2)\n"
    )
    caller = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert caller.stdout is not None
    seen: set[int] = set()
    while len(seen) < 3:
        seen.add(int(caller.stdout.readline()))
    caller.kill()
    caller.wait()
    deadline = time.monotonic() + 5
    while (left := _members(caller.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


def _members(session: int) -> list[int]:
    """Return the processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


# ── A real scheduler with two workers ─────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with start_cluster(tmp_path_factory.mktemp("cluster"), workers=2) as started:
        yield started


def test_a_cluster_that_loses_a_worker_gives_the_same_numbers(cluster: Cluster) -> None:
    function = partial(slow_draw, seconds=0.1)
    serial = numbers(tasks.run(partial(slow_draw, seconds=0), list(range(40)), seed=3, purpose="p"))
    finished: list[int] = []

    def kill_one_after_two_parts(done: int) -> None:
        finished.append(done)
        if len(finished) == 2:
            cluster.kill_worker()

    on_cluster = _on_cluster(
        function, list(range(40)), 3, ("p",), cluster.address, kill_one_after_two_parts
    )
    assert len(cluster.workers) == 1, "no worker was killed while the run was under way"
    assert sum(finished) == 40
    assert numbers(on_cluster) == serial
    assert os.getpid() not in processes(on_cluster)
    assert len(processes(on_cluster)) == 2


def end_worker(task: int, rng: np.random.Generator) -> int:
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_a_task_that_ends_every_worker_is_named_after_a_second_chance(tmp_path: Path) -> None:
    no_failure_allowed = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with (
        start_cluster(tmp_path, workers=1, settings=no_failure_allowed) as fragile,
        pytest.raises(AnalysisError, match="ended every worker"),
    ):
        tasks.run(end_worker, [0, 1], seed=1, purpose="p", scheduler=fragile.address)


def test_a_scheduler_that_is_lost_is_said(tmp_path: Path) -> None:
    with start_cluster(tmp_path, workers=1) as lost:

        def end_scheduler(done: int) -> None:
            lost.kill_scheduler()

        with pytest.raises(AnalysisError, match=r"scheduler at tcp.* was lost"):
            _on_cluster(
                partial(slow_draw, seconds=0.3), [1] * 9, 1, ("p",), lost.address, end_scheduler
            )


def test_the_address_may_come_from_the_environment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tasks.SCHEDULER_VARIABLE, cluster.address)
    results = tasks.run(draw, list(range(5)), seed=1, purpose="p")
    monkeypatch.delenv(tasks.SCHEDULER_VARIABLE)
    assert os.getpid() not in processes(results)
    assert numbers(results) == numbers(tasks.run(draw, list(range(5)), seed=1, purpose="p"))


def test_an_error_in_a_task_reaches_the_caller_from_a_cluster(cluster: Cluster) -> None:
    with pytest.raises(AnalysisError, match="task 17 cannot be done"):
        tasks.run(raise_at, list(range(20)), seed=1, purpose="p", scheduler=cluster.address)


def test_another_state_of_the_code_is_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tasks.fingerprint() | {"mlsec_survey": "0123456789ab"}
    monkeypatch.setattr(tasks, "fingerprint", lambda: other)
    with pytest.raises(InputError, match="0123456789ab") as raised:
        tasks.run(draw, [1], seed=1, purpose="p", scheduler=cluster.address)
    assert "restart the workers" in str(raised.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "tcp://127.0.0.1:x"])
def test_a_scheduler_that_is_not_there_is_bad_input(address: str) -> None:
    with pytest.raises(InputError, match=r"docs/cluster\.md"):
        tasks.run(draw, [1], seed=1, purpose="p", scheduler=address)


def test_other_processor_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "SkylakeX")
    with pytest.raises(InputError, match="processor settings"):
        tasks.check_worker(tasks.fingerprint())
