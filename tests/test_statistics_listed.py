"""docs/statistics.md names every statistic with its check, and what it names is there."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATS = ROOT / "src" / "mlsec_survey" / "stats"
DOCUMENT = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
AGREEMENT = DOCUMENT.partition("## Agreement with R to 1e-8")[2]
ROWS = re.findall(
    r"^\| ([^|]+) \| (\w+\.json): (\w+) \| (test_\w+\.py): (test_\w+) \|$", AGREEMENT, re.MULTILINE
)
# An allowed difference in a test: a keyword with a number, or one of the files' own constants.
ALLOWED = re.compile(r"(?:rel|abs|rtol|atol)=(\d+e-\d+)|(?:rel|abs|rtol|atol)\": (\d+e-\d+)")


def public_functions() -> set[str]:
    """Return module.function of all functions of `stats`; a subpackage counts as one module."""
    found = set()
    for path in STATS.rglob("*.py"):
        module = path.stem if path.parent == STATS else path.parent.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.add(f"{module}.{node.name}")
    return found


def test_every_public_function_is_listed_and_none_that_is_not_there() -> None:
    functions = public_functions()
    named = set(re.findall(r"`(\w+\.\w+)`", DOCUMENT))
    assert functions - named == set()
    modules = {name.partition(".")[0] for name in functions}
    assert {name for name in named - functions if name.partition(".")[0] in modules} == set()


def test_at_least_25_statistics_agree_with_r() -> None:
    assert AGREEMENT.count("\n| ") - 1 == len(ROWS) >= 25
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"among them {len(ROWS)} that agree" in contributing
    assert len({statistic for statistic, *_ in ROWS}) == len(ROWS)


def test_each_agreement_names_a_fixture_and_a_test_that_reads_it_as_closely() -> None:
    for statistic, fixture, key, file, test in ROWS:
        path = ROOT / "tests" / "oracle" / fixture
        assert key in json.loads(path.read_text(encoding="utf-8")), statistic
        assert path.with_suffix(".R").is_file()
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        tree = ast.parse(source)
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert test in functions, statistic
        # The test with its decorators, and what it takes from its file.
        used = {test}
        words: set[str] = set()
        while used - words:
            words |= used
            parts = [
                ast.get_source_segment(source, node) or ""
                for node in tree.body
                if _defines(node) & used
            ]
            decorators = [ast.unparse(d) for d in functions[test].decorator_list]
            used |= set(re.findall(r"\w+", " ".join(parts + decorators)))
        text = " ".join(parts + decorators)
        assert fixture in text, (statistic, "does not read", fixture)
        assert f'"{key}"' in text or f"'{key}'" in text, (statistic, "does not read", key)
        allowed = [float(a or b) for a, b in ALLOWED.findall(text)]
        assert allowed and min(allowed) <= 1e-8, (statistic, allowed)


def _defines(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()
