"""Runs that are killed: nothing broken, mixed or stray is left, and the next run sets all right.

Three kills by default; `KILLS=50 pytest tests/test_runner_kills.py` does more of the same.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlsec_survey.runner.fingerprint import file_digest
from small_project import SmallProject, make_project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them"),
]
KILLS = int(os.environ.get("KILLS", "3"))


def processes_in(folder: Path) -> dict[int, str]:
    """Return the living processes that work in or below a folder, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").resolve().is_relative_to(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}


def none_left(folder: Path, within: float = 60) -> bool:
    deadline = time.monotonic() + within
    while processes_in(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Killing:
    """A project that exists in two states, with the outputs that are right for each."""

    def __init__(self, project: SmallProject) -> None:
        self.project = project
        self.right: dict[int, dict[str, str]] = {}
        self.seed = 1
        for seed in (2, 1):
            self.set_seed(seed)
            done = project.run("--no-pdf")
            assert done.status == 0, done.err
            self.right[seed] = project.outputs()
        assert self.right[1].keys() == self.right[2].keys()

    def set_seed(self, seed: int) -> None:
        if seed != self.seed:
            self.project.edit("notebooks/pipeline.yml", f"default: {self.seed}", f"default: {seed}")
            self.seed = seed

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a run that has everything to do."""
        shutil.rmtree(self.project.root / ".cache" / "store", ignore_errors=True)
        self.set_seed(3 - self.seed)
        return subprocess.Popen(
            self.project.command("--no-pdf", *arguments),
            cwd=self.project.root,
            env=self.project.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def check_between(self) -> None:
        """Each output is the old one or the new one, and no record claims what is not there."""
        for path, sha in self.project.outputs().items():
            assert sha in (self.right[1].get(path), self.right[2].get(path)), path
        records = self.project.root / ".cache" / "records" / "default"
        for path in records.glob("[!.]*.json"):
            record = json.loads(path.read_text())
            assert all(
                sha in (self.right[1].get(output), self.right[2].get(output))
                for output, sha in record["outputs"].items()
            )

    def check_after(self) -> None:
        """The next run completes, gives the right outputs, and leaves nothing to do."""
        done = self.project.run("--no-pdf")
        assert done.status == 0, done.err
        assert self.project.outputs() == self.right[self.seed]
        parts = [p for p in self.project.root.rglob("*.part") if "store" not in p.parts]
        assert parts == []
        assert self.project.run("--no-pdf").out.startswith("nothing to do")
        for path in (self.project.root / ".cache" / "records" / "default").glob("*.json"):
            for output, sha in json.loads(path.read_text())["outputs"].items():
                assert file_digest(self.project.root / output) == sha


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Let children be interrupted also where a shell that ignores interrupts started the tests."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.fixture(scope="module")
def killing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killing]:
    folder = tmp_path_factory.mktemp("killed").resolve() / "project"
    yield Killing(make_project(folder))
    assert none_left(folder)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_leaves_nothing_broken_and_the_next_sets_it_right(
    killing: Killing, number: int
) -> None:
    chance = random.Random(number)
    victim = ("runner", "server", "kernel", "runner")[number % 4]
    root = killing.project.root
    process = killing.start()
    time.sleep(chance.uniform(0.0, 6.0) if victim == "runner" else chance.uniform(0.3, 5.0))
    # Where the one that is meant is not there yet, or no more, the run itself is killed.
    chosen = process.pid
    warm = [pid for pid, command in processes_in(root).items() if "forkserver" in command]
    servers = [pid for pid in warm if parent(pid) == process.pid]
    if victim == "server" and servers:
        chosen = servers[0]
    elif victim == "kernel":
        chosen = next((pid for pid in warm if parent(pid) in servers), chosen)
    try:
        os.kill(chosen, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait(120)
    assert none_left(root), processes_in(root)
    killing.check_between()
    killing.check_after()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_with_all_that_it_started(
    killing: Killing, number: int, status: int
) -> None:
    process = killing.start()
    root = killing.project.root
    deadline = time.monotonic() + 120
    # A kernel is a child of the fork server, which is a child of the run.
    while not any(parent(parent(pid)) == process.pid for pid in processes_in(root)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(60) == status
    assert none_left(root), processes_in(root)
    killing.check_between()
    killing.check_after()


def parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1
    return int(stat.rpartition(")")[2].split()[1])
