"""What describes the compendium for others comes from one source; a fork gets its own address."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlsec_survey.base.errors import InputError
from mlsec_survey.report.home import parse_home

ROOT = Path(__file__).resolve().parents[1]
DESCRIBED = ("CITATION.cff", "README.md", "pyproject.toml", ".zenodo.json", "codemeta.json")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = folder / "scripts" / "make_metadata.py"
    command = [sys.executable, str(script), *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (*DESCRIBED, "scripts/make_metadata.py"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    (tmp_path / "src").symlink_to(ROOT / "src")
    return tmp_path


@pytest.mark.slow
def test_committed_descriptions_are_what_the_citation_gives() -> None:
    done = run(ROOT, "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "given",
    [
        "some-lab/wave2",
        "https://github.com/some-lab/wave2.git",
        "git@github.com:some-lab/wave2.git",
    ],
)
@pytest.mark.slow
def test_one_command_gives_a_fork_its_badge_and_addresses(copy: Path, given: str) -> None:
    assert run(copy, "--home", given).returncode == 0
    address = re.search(r"\((https://mybinder\.org/v2[^)]*)\)", (copy / "README.md").read_text())
    assert address is not None
    assert "/gh/some-lab/wave2/" in address[1]
    notebook = address[1].partition("lab/tree/")[2]
    assert (ROOT / notebook).is_file()
    described = json.loads((copy / "codemeta.json").read_text())
    assert described["codeRepository"] == "https://github.com/some-lab/wave2"
    assert described["url"] == "https://some-lab.github.io/wave2/"
    citation = yaml.safe_load((copy / "CITATION.cff").read_text())
    assert citation["repository-code"] == described["codeRepository"]
    before = [(copy / name).read_bytes() for name in DESCRIBED]
    assert run(copy, "--home", "other/name").returncode == 0
    assert run(copy, "--home", given).returncode == 0
    assert [(copy / name).read_bytes() for name in DESCRIBED] == before
    assert run(copy, "--check").returncode == 0


@pytest.mark.slow
def test_a_description_that_is_out_of_step_is_found(copy: Path) -> None:
    path = copy / "codemeta.json"
    path.write_text(path.read_text().replace("Jupyter", "Jupiter"))
    done = run(copy, "--check")
    assert done.returncode == 1
    assert "codemeta.json" in done.stderr


@pytest.mark.parametrize("given", ["nonsense", "a/b/c", "https://example.org/a/b", "../etc/passwd"])
def test_what_is_no_repository_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="no repository on GitHub"):
        parse_home(given)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_pin_what_they_use_and_may_do_little(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    for step in steps:
        assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + 40 * "0"))
        assert "${{ github.event" not in step.get("run", "")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        word
        for step in steps
        for words in re.findall(r"^make\b(.*)$", step.get("run", ""), re.MULTILINE)
        for word in words.split()
    }
    assert used <= targets
