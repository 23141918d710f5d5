"""Notebooks of a batch on the workers of a cluster: equal files, whatever happens to a worker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster_fixture import start_cluster
from mlsec_survey.base.errors import InputError
from mlsec_survey.runner.cluster import Remote, Returned, _unpack, worker_command
from mlsec_survey.runner.pipeline import NotebookJob
from small_project import SmallProject, make_project, write_export

pytestmark = pytest.mark.slow

BATCH = (
    "version: 1\npages: false\nruns:\n  - name: bad\n    parameters: {export: data/raw/wave.csv}\n"
    "grids:\n  - name: s\n    over: {seed: [2, 3, 4]}\n"
)
RUNS = ("bad", "s-2", "s-3", "s-4")


def project_with_a_bad_wave(root: Path) -> SmallProject:
    """Make a project with a batch in which one run fails."""
    project = make_project(root)
    raw = project.root / "data" / "raw"
    standin = (raw / "standin.csv").read_text()
    write_export(project, "item,answer\na,x\nb,y\n")
    for ending in ("csv", "manifest.yml"):
        (raw / f"standin.{ending}").rename(raw / f"wave.{ending}")
    write_export(project, standin)
    # Slow enough that a worker is at work on one when it is killed.
    project.edit(
        "notebooks/02_second.py", "table = project", "__import__('time').sleep(1)\ntable = project"
    )
    (project.root / "batch.yml").write_text(BATCH)
    return project


def summary(printed: str) -> list[str]:
    """Return what a runner printed at the end, without times."""
    return sorted(line.partition(" (")[0] for line in printed.splitlines())


def test_a_batch_on_workers_gives_the_same_files_although_one_is_killed(tmp_path: Path) -> None:
    here = project_with_a_bad_wave(tmp_path / "here")
    there = project_with_a_bad_wave(tmp_path / "there")
    (tmp_path / "cluster").mkdir()
    with start_cluster(tmp_path / "cluster", workers=2) as cluster:
        runner = subprocess.Popen(
            there.command("--batch", "batch.yml", "--scheduler", cluster.address, "--jobs", "2"),
            cwd=there.root,
            env=there.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert runner.stderr is not None
        lines = [runner.stderr.readline() for _ in range(3)]
        cluster.kill_worker()
        printed, rest = runner.communicate(timeout=120)
    local = here.run("--batch", "batch.yml", "--jobs", "2")
    assert (local.status, runner.returncode) == (1, 1), (printed, rest, local)
    assert "3 of 4 runs complete" in printed
    assert summary(printed) == summary(local.out)
    assert len(lines) == 3
    for run in RUNS:
        assert there.outputs(f"runs/{run}") == here.outputs(f"runs/{run}")
    failed = Path(".cache/failed/bad/02_second.ipynb")
    assert (there.root / failed).read_bytes() == (here.root / failed).read_bytes()


def test_without_a_scheduler_nothing_is_done(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project.root / "batch.yml").write_text("version: 1\nruns:\n  - name: a\n")
    done = project.run("--batch", "batch.yml", "--scheduler", "tcp://127.0.0.1:9")
    assert done.status == 2
    assert "no Dask scheduler answers" in done.err
    assert not (project.root / "runs").exists()


def test_a_file_outside_of_the_project_is_refused(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside.csv"
    outside.write_text("a\n")
    run = project / "runs" / "r"
    job = NotebookJob("01_first", "", {}, project, run, tmp_path / "out", {})
    remote = Remote("tcp://127.0.0.1:9", project, project / ".cache")
    with pytest.raises(InputError, match="outside the project"):
        remote.execute(job, {"export": project / ".." / "outside.csv"})


def test_what_a_worker_returns_stays_in_its_folder(tmp_path: Path) -> None:
    returned = Returned({"../elsewhere.txt": b"x"})
    with pytest.raises(InputError, match="leads out"):
        _unpack(returned.files, tmp_path / "output")
    assert not (tmp_path / "elsewhere.txt").exists()


def test_options_of_a_worker_win_over_our_defaults() -> None:
    ours = ["tcp://h:1", "--nthreads", "1", "--no-dashboard"]
    assert worker_command(["tcp://h:1"])[-4:] == ours
    given = worker_command(["tcp://h:1", "--nthreads=4"])
    assert "--nthreads=4" in given
    assert "--nthreads" not in given
