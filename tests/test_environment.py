"""The environment: pins that agree, locks without addresses, and what Binder would build."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from lock import environment, locked_pins  # noqa: E402

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LAB_LOCK = (ROOT / "requirements-lab.lock").read_text(encoding="utf-8")
LOCKS = ["requirements.lock", "requirements-lab.lock", "requirements-test.lock"]


def pins(path: Path) -> list[str]:
    dependencies = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    return next(entry["pip"] for entry in dependencies if isinstance(entry, dict))


def test_every_locked_requirement_is_pinned_in_the_conda_environment() -> None:
    locked = [line for line in LAB_LOCK.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(locked) > 100
    assert pins(ROOT / "environment.yml") == [line.rstrip("\\ ") for line in locked]


def test_both_environment_files_are_what_the_lock_gives() -> None:
    expected = environment(locked_pins(LAB_LOCK))
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == expected
    assert (ROOT / "binder" / "environment.yml").read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("name", LOCKS)
def test_locks_carry_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    requirements = re.split(r"\n(?=[A-Za-z0-9])", text)
    assert all("--hash=sha256:" in requirement for requirement in requirements)
    assert "://" not in text
    assert "index" not in re.sub(r"#.*", "", text)


@pytest.mark.parametrize("name", LOCKS[1:])
def test_the_other_locks_extend_the_lock(name: str) -> None:
    other = locked_pins((ROOT / name).read_text(encoding="utf-8"))
    assert versions(locked_pins(LOCK)) <= versions(other)


def versions(pins: list[str]) -> set[str]:
    """Return names and versions; for which system each is may be written in more ways than one."""
    return {pin.partition(";")[0].strip() for pin in pins}


def test_direct_dependencies_are_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[a-z0-9-]+", entry).group() for entry in project["dependencies"]}  # type: ignore[union-attr]
    assert names <= {pin.split("==")[0] for pin in locked_pins(LOCK)}


@pytest.fixture(scope="module")
def dockerfile() -> str:
    command = [str(Path(sys.executable).parent / "jupyter-repo2docker"), "--no-build", "--debug"]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout


@pytest.mark.slow
def test_binder_installs_the_pinned_environment(dockerfile: str) -> None:
    assert '--file "binder/environment.yml"' in dockerfile
    assert "src/binder/environment.yml ${REPO_DIR}/binder/environment.yml" in dockerfile


def test_binder_runs_the_compendium_after_the_hashed_install(dockerfile: str) -> None:
    assert "RUN ./binder/postBuild" in dockerfile
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    assert script.index("--require-hashes") < script.index("scripts/run_all.py")
