"""A compendium in small: four tiny notebooks, the real runner and package, data of a few rows.

The package is copied, so that a test can change code, data or prose and see what runs again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlsec_survey.runner.cli import main

ROOT = Path(__file__).resolve().parents[1]

PIPELINE = """\
parameters:
  export: {type: file, also: [auto], default: auto, meaning: raw export}
  seed: {type: integer, minimum: 0, default: 1, meaning: of every random draw}
  scheduler: {type: address, how: true, default: null, meaning: address of a Dask scheduler}

notebooks:
  01_first:
    title: The first
    question: What is in the file?
    parameters: [export, seed]
    inputs: [export]
    outputs: [data/processed/first.parquet]
  02_second:
    title: The second
    question: How does it look?
    parameters: [export, seed]
    inputs: [export, data/processed/first.parquet]
  03_third:
    title: The third
    question: What share is it?
    parameters: [export, scheduler]
    inputs: [export, data/notes.txt, data/processed/first.parquet]
  04_fourth:
    title: The fourth
    question: What follows?
    parameters: [export]
    inputs: [export, "published:02_second", "published:03_third"]
"""

HEAD = """\
# %% [markdown]
# # {title}
#
# Prose of {name}.

# %% tags=["parameters"]
{parameters}

# %%
from mlsec_survey.project import open_project{more}

project = open_project("{name}", globals())
pub = project.publisher()

"""

FIRST = (
    HEAD.format(
        title="The first",
        name="01_first",
        parameters='export = "auto"\nseed = 1',
        more="\nfrom mlsec_survey.base.randomness import generator",
    )
    + """\
# %%
import pandas as pd

table = pd.read_csv(project.export_path)
table["drawn"] = generator(seed, "first").normal(size=len(table)).round(6)
pub.number("n_rows", len(table), "rows of the file", unit="rows")
pub.table("rows", table, caption="The rows.")
project.write("first.parquet", table)
pub.close()
"""
)

SECOND = (
    HEAD.format(
        title="The second",
        name="02_second",
        parameters='export = "auto"\nseed = 1',
        more="",
    )
    + """\
# %%
from mlsec_survey.base.text_safety import escape_spreadsheet
from mlsec_survey.figures import style

table = project.read("first")
with style.house_style():
    figure = style.new_figure("narrow", 2)
    axes = figure.add_subplot()
    axes.bar(table["item"], table["answer"])
    axes.set_title(escape_spreadsheet("Answers"))
pub.figure("answers", figure, caption="Answers.", alt=f"{len(table)} bars.")
pub.number("largest", int(table["answer"].max()), "largest answer")
pub.close()
"""
)

THIRD = (
    HEAD.format(
        title="The third",
        name="03_third",
        parameters='export = "auto"\nscheduler = None',
        more="",
    )
    + """\
# %%
from mlsec_survey.stats.proportions import wilson

table = project.read("first")
notes = (project.root / "data" / "notes.txt").read_text().strip()
low, high = wilson(int((table["answer"] > 2).sum()), len(table))
pub.number("share_low", float(low), f"lower limit, {notes}", digits=3)
pub.close()
"""
)

FOURTH = (
    HEAD.format(
        title="The fourth",
        name="04_fourth",
        parameters='export = "auto"',
        more="",
    )
    + """\
# %%
import json

records = project.run / "paper" / "generated" / "records"
published = {
    key: number["text"]
    for name in ("02_second", "03_third")
    for key, number in json.loads((records / f"{name}.json").read_text())["numbers"].items()
}
print(published)
pub.number("n_published", len(published), "numbers read")
pub.close()
"""
)

NOTEBOOKS = {"01_first": FIRST, "02_second": SECOND, "03_third": THIRD, "04_fourth": FOURTH}
# What the registry of the project lacks.
COLUMNS = """\
  answer: {heading: Answer, meaning: answer to the item}
  drawn: {heading: Drawn, meaning: a random number}
  column_*: {heading: "Column number {}", meaning: one of many columns}
"""
EXPORT = "item,answer\na,1\nb,3\nc,5\nd,2\n"
PAGES = [*(f"{name}.html" for name in NOTEBOOKS), "index.html", "search.html"]
STEPS = sorted([*NOTEBOOKS, *PAGES])

PAPER = r"""\pdfinfoomitdate=1
\pdftrailerid{}
\documentclass{article}
\newcommand{\defineresult}[3]{\expandafter\def\csname result:#1\endcsname{#2}}
\newcommand{\definetable}[5]{}
\newcommand{\definefigure}[5]{}
\newcommand{\result}[1]{\csname result:#1\endcsname}
\input{generated/numbers}
\begin{document}\ifsynthetic\syntheticlabel: \fi\result{n_rows} rows.\end{document}
"""


@dataclass(frozen=True)
class Done:
    """What a run of the runner gave."""

    status: int
    out: str
    err: str

    @property
    def worked(self) -> list[str]:
        """The steps that were made, in order of their names."""
        lines = [line.split() for line in self.err.splitlines()]
        words = ("made", "revised", "reused")
        return sorted(line[1] for line in lines if len(line) == 2 and line[0] in words)


@dataclass(frozen=True)
class SmallProject:
    """A compendium in small, in a folder of its own."""

    root: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs it."""
        return [sys.executable, str(self.root / "scripts" / "run_all.py"), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, without what would lead to another copy of the package."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("MLSEC_", "PYTHONPATH"))}

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        """Run it and wait."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def call(self, *arguments: str) -> Done:
        """Run it in this process, with this process's copy of the package and fork server."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(arguments, self.root)
        return Done(status, out.getvalue(), err.getvalue())

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file."""
        target = self.root / path
        content = target.read_text(encoding="utf-8")
        assert content.count(old) == 1, (path, old, content.count(old))
        target.write_text(content.replace(old, new), encoding="utf-8")

    def outputs(self, folder: str = ".") -> dict[str, str]:
        """Return the digest of every output below a run's folder."""
        base = self.root / folder
        places = ("notebooks/*.ipynb", "figures/*", "html/*", "paper/**/*", "data/processed/*")
        return {
            path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for place in places
            for path in sorted(base.glob(place))
            if path.is_file()
        }

    def record(self, notebook: str, folder: str = ".") -> dict:
        """Return what a notebook published."""
        path = self.root / folder / "paper" / "generated" / "records" / f"{notebook}.json"
        return json.loads(path.read_text(encoding="utf-8"))


def make_project(root: Path, paper: bool = False) -> SmallProject:
    """Make a compendium in small below `root`, with a paper or without."""
    (root / "notebooks").mkdir(parents=True)
    (root / "scripts").mkdir()
    (root / "data" / "raw").mkdir(parents=True)
    shutil.copytree(
        ROOT / "src" / "mlsec_survey",
        root / "src" / "mlsec_survey",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / "scripts" / "run_all.py", root / "scripts")
    shutil.copy(ROOT / "jupytext.toml", root)
    (root / "requirements.lock").write_text("pandas==0\n")
    (root / "data" / "notes.txt").write_text("as noted\n")
    registry = (ROOT / "data" / "columns.yml").read_text(encoding="utf-8")
    (root / "data" / "columns.yml").write_text(registry + COLUMNS)
    pipeline = PIPELINE
    if paper:
        pipeline += "\npaper:\n  main: paper/main.tex\n"
        (root / "paper").mkdir()
        (root / "paper" / "main.tex").write_text(PAPER)
    (root / "notebooks" / "pipeline.yml").write_text(pipeline)
    for name, text in NOTEBOOKS.items():
        (root / "notebooks" / f"{name}.py").write_text(text)
    project = SmallProject(root)
    write_export(project, EXPORT)
    return project


def write_export(project: SmallProject, text: str, synthetic: bool = True) -> None:
    """Write the raw data with a manifest that says what they are."""
    raw = project.root / "data" / "raw"
    (raw / "standin.csv").write_text(text)
    sha = hashlib.sha256(text.encode()).hexdigest()
    generator = (
        f"generator:\n  name: small\n  version: '1'\n  seed: 1\n  parameters_sha256: '{sha}'\n"
        if synthetic
        else ""
    )
    (raw / "standin.manifest.yml").write_text(
        f"version: 1\nsynthetic: {str(synthetic).lower()}\ntitle: small\nformat: limesurvey-csv\n"
        f"rows: {len(text.splitlines()) - 1}\nsha256: '{sha}'\n{generator}"
    )
