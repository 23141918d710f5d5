"""The parameters that a notebook gives itself, in its cell tagged `parameters`."""

from __future__ import annotations

import ast
import contextlib
from typing import Any

from mlsec_survey.base.syntax import parsed


def own_parameters(source: str) -> dict[str, Any]:
    """Return names and values of the parameters cell of a notebook in percent format.

    Names whose value is not a literal are left out; so is everything if the cell is not valid
    Python, which running the notebook will tell.
    """
    lines: list[str] = []
    inside = False
    for line in source.splitlines():
        if line.startswith("# %%"):
            inside = "tags=" in line and '"parameters"' in line
        elif inside:
            lines.append(line)
    found = {}
    try:
        statements = parsed("\n".join(lines)).body
    except SyntaxError:
        return {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            target, value = statement.targets[0], statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, statement.value
        else:
            continue
        if isinstance(target, ast.Name):
            with contextlib.suppress(ValueError):
                found[target.id] = ast.literal_eval(value)
    return found
