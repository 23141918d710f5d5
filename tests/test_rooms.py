"""The rooms of the package: what each may name, and which way imports go."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "mlsec_survey"
# Only these rooms know this study; all others serve any survey of this kind.
OF_THIS_STUDY = {"study", "standin"}
WORDS = re.compile(r"attack|incident|compan(?:y|ies)|evasion|poisoning|tifs", re.IGNORECASE)
# A link to a page about formulas in spreadsheets, and what the pages say this compendium is of.
ALLOWED = {
    ("base/text_safety.py", "attack"),
    # Units that tell a count of respondents from a count of things.
    ("report/disclosure.py", "incident"),
    ("report/disclosure.py", "attack"),
    ("runner/outputs/pages.py", "tifs"),
    ("runner/outputs/pages.py", "TIFS"),
}


def named(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of every name and string of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
        elif isinstance(node, ast.Name):
            yield line, node.id
        elif isinstance(node, ast.Attribute):
            yield line, node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield line, node.name
        elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
            yield line, node.arg
        elif isinstance(node, ast.alias):
            yield line, f"{node.name} {node.asname or ''}"


def modules() -> list[Path]:
    found = sorted(SOURCE.rglob("*.py"))
    return [path for path in found if path.relative_to(SOURCE).parts[0] not in OF_THIS_STUDY]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
@pytest.mark.slow
def test_only_the_study_names_what_it_is_about(path: Path) -> None:
    name = str(path.relative_to(SOURCE))
    found = [
        f"{name}:{line}: {match.group()}"
        for line, text in named(path)
        for match in WORDS.finditer(text)
        if (name, match.group()) not in ALLOWED
    ]
    assert not found


def test_imports_go_one_way() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [script], cwd=SOURCE.parent.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
