"""The paper: LaTeX in a folder of its own, the same PDF on every run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from mlsec_survey.base.errors import AnalysisError, CompendiumError
from mlsec_survey.base.system import TEX, command_for
from mlsec_survey.runner.lifeline import lifeline

# Any fixed moment does; this one is the start of 2023, the year of the publication.
SOURCE_DATE = "1672531200"


class TexMissing(CompendiumError):
    """The paper cannot be set, since TeX is not installed; everything else can."""

    exit_status = 3


def typeset(
    root: Path, run: Path, main: Path, sources: tuple[Path, ...], output: Path, log: Path
) -> None:
    """Set the paper and write it below `output`.

    Args:
        root: folder of the project, with the paper's sources.
        run: folder of the run, with figures/ and paper/generated/.
        main: the main file below `root`; the PDF is named after it.
        sources: further files and folders below `root`.
        output: receives the PDF.
        log: where the log of a failed run is kept.

    Raises:
        TexMissing: TeX or one of its packages is not installed.
        AnalysisError: LaTeX failed; the message has its first error.
    """
    absent = TEX.missing()
    if absent:
        raise TexMissing(
            f"the PDF was not made: TeX is missing ({', '.join(absent)}).\n"
            f"  What to do: {command_for(TEX)}"
        )
    with tempfile.TemporaryDirectory(prefix="mlsec-tex-") as scratch:
        work = Path(scratch)
        for source in (main, *sources):
            _copy(root / source, work / source)
        for part in (Path("figures"), Path("paper") / "generated"):
            _copy(run / part, work / part)
        folder = (work / main).parent
        done = subprocess.run(
            lifeline(
                [
                    "latexmk",
                    "-pdf",
                    "-interaction=nonstopmode",
                    "-halt-on-error",
                    "-file-line-error",
                    main.name,
                ]
            ),
            cwd=folder,
            env={
                **os.environ,
                "SOURCE_DATE_EPOCH": SOURCE_DATE,
                "FORCE_SOURCE_DATE": "1",
                "TZ": "UTC",
                "LC_ALL": "C.UTF-8",
                "max_print_line": "2000",
            },
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        pdf = folder / main.with_suffix(".pdf").name
        if done.returncode or not pdf.is_file():
            raise AnalysisError(
                f"LaTeX: {_first_error(done.stdout)}\n  What to do: see .cache/{log.name}"
            )
        target = output / main.with_suffix(".pdf")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pdf, target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _first_error(output: str) -> str:
    for line in output.splitlines():
        if line.startswith("!") or (
            ".tex:" in line and line.split(":")[1:2] and line.split(":")[1].isdigit()
        ):
            return line.strip()
    return "failed without a message of its own"
