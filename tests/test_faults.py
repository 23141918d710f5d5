"""What can go wrong around a run is said in words, with status 2, and nothing is lost silently."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.files import whole, write_whole
from mlsec_survey.base.locations import resolve_export
from mlsec_survey.parallel.processes import jobs, memory, processors
from mlsec_survey.parallel.tasks import check_scheduler
from small_project import SmallProject, make_project

pytestmark = pytest.mark.slow

MB = 1_000_000


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    made = make_project(tmp_path_factory.mktemp("faults") / "project")
    assert made.call("--no-pdf").status == 0
    return made


def groups(root: Path, group: str = "/", **limits: str) -> Path:
    """Describe the control group of a process in files below a folder."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(f"0::{group}\n")
    for name, text in limits.items():
        path = root / "sys" / "fs" / "cgroup" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_containers_quota_bounds_the_jobs(tmp_path: Path) -> None:
    here = len(os.sched_getaffinity(0))
    assert processors(groups(tmp_path / "none", cpu_max="max 100000\n")) == here
    assert processors(groups(tmp_path / "one", cpu_max="150000 100000\n")) == 1
    assert processors(groups(tmp_path / "half", cpu_max="50000 100000\n")) == 1
    inner = groups(
        tmp_path / "inner", "/a/b", a__b__cpu_max="max 100000", a__cpu_max="100000 100000"
    )
    assert processors(inner) == 1


def test_affinity_bounds_the_jobs() -> None:
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{one}}}); "
    code += "from mlsec_survey.parallel.processes import jobs; print(jobs())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_memory_bounds_the_jobs(tmp_path: Path) -> None:
    small = groups(tmp_path / "small", memory_max=f"{500 * MB}\n")
    assert (memory(small), jobs(control=small)) == (500 * MB, 1)
    # Two gigabytes hold two notebooks of a small export, and one of some ten thousand respondents.
    two = groups(tmp_path / "two", memory_max=f"{2000 * MB}\n")
    several = min(2, processors())
    assert [min(2, jobs(size, two)) for size in (120_000, 12 * MB)] == [several, 1]
    free = memory(groups(tmp_path / "free", memory_max="max\n"))
    assert free == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "make room on the disk"), (errno.EROFS, "make the folder writable")],
)
def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, number: int, words: str
) -> None:
    path = tmp_path / "x.csv"
    write_whole(path, b"old")
    with pytest.raises(InputError, match=words) as caught, whole(path) as part:
        part.write_bytes(b"ne")
        raise OSError(number, os.strerror(number))
    assert "x.csv" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_cache_of_the_wrong_shape_is_rebuilt(project: SmallProject) -> None:
    before = project.outputs()
    cache = project.root / ".cache"
    for place in ("store", "records", "journal", "ipython", "imports.json", "lock"):
        path = cache / place
        subprocess.run(["rm", "-rf", path], check=True)
        if place in ("imports.json", "lock"):
            path.mkdir()
        else:
            path.write_text("not a folder")
    done = project.call("--no-pdf")
    assert done.status == 0, done.err
    assert "rebuilt, since it was not what it should be: .cache/store" in done.err
    assert project.outputs() == before
    subprocess.run(["rm", "-rf", cache], check=True)
    cache.write_text("not a folder either")
    assert project.call("--no-pdf").status == 0
    assert project.call("--no-pdf").out.startswith("nothing to do")


def test_an_export_that_is_no_file_is_not_passed_over(tmp_path: Path) -> None:
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    export = raw / "export.csv"
    export.symlink_to(tmp_path / "volume" / "export.csv")
    with pytest.raises(InputError, match="a link to a file that is not there"):
        resolve_export(tmp_path, "auto")
    export.unlink()
    os.mkfifo(export)
    for name in ("auto", "data/raw/export.csv"):
        with pytest.raises(InputError, match="a pipe or a device"):
            resolve_export(tmp_path, name)
    export.unlink()
    (tmp_path / "elsewhere.csv").write_text("a\n")
    export.symlink_to(tmp_path / "elsewhere.csv")
    assert resolve_export(tmp_path, "auto") == export


def test_a_conflict_in_prose_is_not_published(project: SmallProject) -> None:
    before = project.outputs()
    text = "# Prose of 03_third."
    project.edit(
        "notebooks/03_third.py", text, f"<<<<<<< HEAD\n{text}\n=======\n# Other.\n>>>>>>> theirs"
    )
    done = project.call("--no-pdf")
    assert done.status == 2
    assert "notebooks/03_third.py, row 4" in done.err
    assert "a conflict of two versions is not resolved" in done.err
    assert project.outputs() == before
    source = project.root / "notebooks" / "03_third.py"
    kept = source.read_text().replace("<<<<<<< HEAD\n", "")
    source.write_text(kept.replace("\n=======\n# Other.\n>>>>>>> theirs", ""))
    assert project.call("--no-pdf").out.startswith("nothing to do")


def test_edits_of_an_executed_notebook_are_kept(project: SmallProject) -> None:
    path = project.root / "notebooks" / "02_second.ipynb"
    right = path.read_bytes()
    notebook = json.loads(right)
    notebook["cells"][0]["source"] = ["# An edit that is nowhere else"]
    path.write_text(json.dumps(notebook))
    done = project.call("--no-pdf")
    assert done.status == 0
    assert "notebooks/02_second.ipynb was edited" in done.err
    (kept,) = (project.root / ".cache" / "edited" / "default").iterdir()
    assert "An edit that is nowhere else" in kept.read_text()
    assert path.read_bytes() == right
    # Executed by hand and saved, with the same text: nothing to keep.
    notebook = json.loads(right)
    notebook["cells"][1]["execution_count"] = 99
    path.write_text(json.dumps(notebook))
    assert "was edited" not in project.call("--no-pdf").err
    assert path.read_bytes() == right


def test_a_scheduler_that_cannot_be_reached_stops_the_run_before_it_begins(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = project.call("--no-pdf", "--force", "--scheduler", "tcp://127.0.0.1:9")
    assert done.status == 2
    assert "no Dask scheduler answers" in done.err
    assert done.worked == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="Dask is not installed"):
        check_scheduler("tcp://127.0.0.1:9")


def test_few_open_files_suffice(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    done = subprocess.run(
        project.command("--no-pdf", "--force", "--jobs", "4"),
        cwd=project.root,
        env=project.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
