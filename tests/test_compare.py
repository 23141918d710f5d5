"""Comparing runs: results matched by what they are, changes counted, words that fit any data."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlsec_survey.base.errors import AnalysisError, InputError
from mlsec_survey.report import comparison
from mlsec_survey.report.comparison import RunResults
from small_project import ROOT, SmallProject, make_project

pytestmark = pytest.mark.slow

NAN = math.nan


def run(
    name: str,
    rows: list[tuple[str, float, float, float]],
    *,
    synthetic: bool = False,
    numbers: dict[str, float | str] | None = None,
    **columns: object,
) -> RunResults:
    """Return a run with one table `effects`: rows of label, estimate, low, high."""
    table = [
        {"data_basis": "survey responses", "label": label}
        | {name: cell(v[at] if isinstance(v, list) else v) for name, v in columns.items()}
        | {"n": "10", "estimate": cell(estimate), "low": cell(low), "high": cell(high)}
        for at, (label, estimate, low, high) in enumerate(rows)
    ]
    listed = {
        key: {
            "notebook": "n",
            "description": key,
            "unit": "",
            "value": NAN if isinstance(value, str) else value,
            "text": str(value),
        }
        for key, value in (numbers or {}).items()
    }
    return RunResults(name, synthetic, {}, listed, {"effects": table})


def cell(value: object) -> str:
    """Return a value as tables hold it."""
    return "" if isinstance(value, float) and math.isnan(value) else str(value)


def changes(*runs: RunResults) -> pd.DataFrame:
    return comparison.estimate_changes(comparison.estimates(runs)).set_index("result")


# ── Which results are the same result ─────────────────────────────────────────────────────────────


def test_results_are_matched_by_what_names_their_rows_and_not_by_their_place() -> None:
    one = run("one", [("a", 1, 0, 2), ("b", 5, 4, 6)])
    two = run("two", [("b", 5.5, 4, 6), ("a", 1, 0, 2)])
    table = comparison.estimates([one, two])
    by = table.set_index(["result", "run"])["estimate"]
    assert by.to_dict() == {
        ("a", "one"): 1,
        ("b", "one"): 5,
        ("b", "two"): 5.5,
        ("a", "two"): 1,
    }


def test_as_many_columns_name_a_row_as_set_rows_apart() -> None:
    rows = [("a", 1, 0, 2), ("a", 2, 0, 3), ("b", 3, 0, 4)]
    option = ["x", "y", "x"]
    table = comparison.estimates([run("one", rows, option=option, note=["p", "q", "r"])])
    assert list(table["result"]) == ["a · x", "a · y", "b · x"]
    alike = comparison.estimates([run("one", rows)])
    assert list(alike["result"]) == ["a", "a (2)", "b"]


def test_a_sample_size_in_a_label_is_no_part_of_its_name() -> None:
    one = run("one", [("role (n = 134) · a", 1, 0, 2), ("age (n = 1,134)", 1, 0, 2)])
    two = run("two", [("role (n = 90) · a", 1, 0, 2), ("age (n = 99)", 1, 0, 2)])
    assert list(changes(one, two)["runs"]) == [2, 2]


def test_a_column_that_is_not_needed_names_nothing_and_a_bare_id_is_explained() -> None:
    families = ["one family", "one family", "another"]
    rows = [("size", 1.0, 0.0, 4.0), ("industry", 2.0, 0.0, 4.0), ("knowledge", 3.0, 0.0, 4.0)]
    one = run("one", rows, family=families, id=["E1", "E2", "K1"])
    order = ("family", "id", "label", "estimate", "low", "high")
    one.tables["effects"][:] = [{k: row[k] for k in order} for row in one.tables["effects"]]
    names = comparison.estimates([one])["result"].tolist()
    assert names == ["E1 · size", "E2 · industry", "K1 · knowledge"]


def test_a_column_that_says_the_same_everywhere_names_nothing() -> None:
    one = run("one", [("same", 1, 0, 2), ("same", 2, 0, 3)], option=["x", "y"])
    assert list(comparison.estimates([one])["result"]) == ["x", "y"]


def test_the_value_without_an_effect_follows_from_the_effect_unless_it_is_told() -> None:
    rows = [("a", 1.0, 0.0, 2.0)] * 4
    effect = ["odds ratio", "probability of superiority", "Kendall's tau-b", ""]
    named = comparison.estimates([run("one", rows, effect=effect, k=["1", "2", "3", "4"])])
    assert named["null"].tolist()[:3] == [1.0, 0.5, 0.0]
    assert math.isnan(named["null"].iloc[3])
    told = run("one", rows, effect=effect, k=["1", "2", "3", "4"])
    for row in told.tables["effects"]:
        row["null"] = "0.25"
    assert comparison.estimates([told])["null"].tolist() == [0.25] * 4
    assert comparison.estimates([run("one", rows[:1])])["null"].isna().all()


def test_suppressed_cells_are_no_estimates() -> None:
    one = run("one", [("a", 1, 0, 2)])
    one.tables["effects"][0]["estimate"] = "(s)"
    assert comparison.estimates([one])["estimate"].isna().all()


def test_an_answer_called_none_is_a_name_and_numbers_and_gaps_are_not() -> None:
    rows = [("a", 1.0, 0.0, 2.0)] * 3
    option = ["None", "NA", "x"]
    one = run("one", rows, count=["1", "2", ""], chosen=["True", "False", ""], option=option)
    assert list(comparison.estimates([one])["result"]) == ["None", "NA", "x"]


# ── What changes ──────────────────────────────────────────────────────────────────────────────────

EFFECT = {"effect": "Kendall's tau-b"}
READINGS = {
    # The reference is 0.3 (0.1 to 0.5), half-width 0.2.
    "same": ((0.3, 0.1, 0.5), comparison.SAME, (0, 0, 0), 0.0),
    "interval": ((0.3, 0.08, 0.52), comparison.INTERVAL, (0, 0, 0), 0.0),
    "within": ((0.4, 0.2, 0.6), comparison.WITHIN, (0, 0, 0), 0.5),
    "beyond": ((0.6, 0.3, 0.9), comparison.BEYOND, (1, 0, 0), 1.5),
    "verdict": ((0.25, -0.1, 0.6), comparison.VERDICT, (0, 0, 1), 0.25),
    "side": ((-0.3, -0.5, -0.1), comparison.SIDE, (1, 1, 0), 3.0),
    "absent": ((NAN, NAN, NAN), comparison.PARTLY, (0, 0, 0), 0.0),
}


@pytest.mark.parametrize("case", READINGS)
def test_each_kind_of_change_is_told_apart(case: str) -> None:
    values, reading, counts, shift = READINGS[case]
    one = run("one", [("a", 0.3, 0.1, 0.5)], **EFFECT)
    table = changes(one, run("two", [("a", *values)], **EFFECT))
    row = table.loc["a"]
    assert row["reading"] == reading
    assert (row["outside"], row["sides"], row["verdicts"]) == counts
    assert row["shift"] == pytest.approx(shift)
    assert (row["estimate"], row["low"], row["high"]) == (0.3, 0.1, 0.5)


def plainly(part: pd.DataFrame) -> dict[str, object]:
    """Return what changes in one result, run by run, as `estimate_changes` describes it."""
    base = part.iloc[0]
    found = {"runs": 0, "changed": 0, "outside": 0, "sides": 0, "verdicts": 0, "shift": NAN}
    half = (base.high - base.low) / 2
    for row in part.itertuples():
        found["runs"] += not math.isnan(row.estimate)
        found["changed"] += any(
            getattr(row, c) != base[c] and not (math.isnan(getattr(row, c)) and math.isnan(base[c]))
            for c in ("estimate", "low", "high", "p")
        )
        found["outside"] += row.estimate < base.low or row.estimate > base.high
        found["sides"] += (row.estimate - row.null) * (base.estimate - base.null) < 0
        if not any(map(math.isnan, (base.low, base.high, base.null, row.low, row.high, row.null))):
            held = base.low <= base.null <= base.high
            found["verdicts"] += (row.low <= row.null <= row.high) != held
        distance = abs(row.estimate - base.estimate) / half if 0 < half < math.inf else NAN
        if not math.isnan(distance) and not distance <= found["shift"]:
            found["shift"] = distance
    return found


def test_changes_in_many_results_are_those_of_each_result_by_itself() -> None:
    rng = np.random.default_rng(8)
    names, size = [f"r{k}" for k in range(4)], 300
    results = pd.DataFrame(
        [("t", f"a{k}", name, 10.0) for name in names for k in range(size)],
        columns=["table", "result", "run", "n"],
    )
    # Few values, so that ties, gaps and ends at infinity are all among them.
    choices = {
        "estimate": [-1.0, 0.0, 0.5, NAN],
        "low": [-2.0, -0.5, NAN, -math.inf],
        "high": [0.0, 0.25, 1.0, math.inf],
        "null": [0.0, 0.0, 1.0, NAN],
        "p": [0.1, 0.1, NAN],
    }
    for column, values in choices.items():
        results[column] = rng.choice(values, len(results))
    shuffled = pd.concat([results[:size], results[size:].sample(frac=0.9, random_state=1)])
    table = comparison.estimate_changes(shuffled).set_index("result")
    assert len(table) == size
    for result, part in shuffled.groupby("result"):
        expected = plainly(part.set_index("run").reindex(names).reset_index())
        assert table.loc[result, list(expected)].to_dict() == pytest.approx(expected, nan_ok=True)


def test_counts_are_of_runs_and_the_range_covers_all_of_them() -> None:
    values = {"one": 0.3, "two": 0.9, "three": -0.2, "four": 0.31}
    runs = [run(k, [("a", v, v - 0.2, v + 0.2)], **EFFECT) for k, v in values.items()]
    row = changes(*runs).loc["a"]
    assert (row["smallest"], row["largest"], row["runs"], row["changed"]) == (-0.2, 0.9, 4, 3)
    assert (row["outside"], row["sides"], row["verdicts"]) == (2, 1, 1)
    assert row["shift"] == pytest.approx(0.6 / 0.2)


def test_a_result_that_only_another_run_has_is_not_lost() -> None:
    one = run("one", [("a", 1, 0, 2)])
    two = run("two", [("a", 1, 0, 2), ("new", 3, 2, 4)])
    row = changes(one, two).loc["new"]
    assert (row["runs"], row["largest"], row["reading"]) == (1, 3, comparison.PARTLY)
    assert math.isnan(row["estimate"])


def test_what_moves_without_an_interval_in_the_reference_is_not_within_it() -> None:
    one, two = run("one", [("a", 1, NAN, NAN)]), run("two", [("a", 2, NAN, NAN)])
    assert changes(one, two).loc["a", "reading"] == comparison.BARE


def test_shares_have_no_verdict() -> None:
    one, two = (run(k, [("a", v, 0.0, 0.2)]) for k, v in (("one", 0.1), ("two", 0.15)))
    assert changes(one, two).loc["a", "reading"] == comparison.WITHIN


def test_numbers_that_differ_or_are_absent_are_listed_and_others_are_not() -> None:
    rows = [("a", 1.0, 0.0, 2.0)]
    runs = [
        run("one", rows, numbers={"same": 1, "moves": 2, "word": "x to y"}),
        run("two", rows, numbers={"same": 1, "moves": 3, "word": "x to z"}),
        run("three", rows, numbers={"same": 1, "moves": 2.5, "word": "x to y", "extra": 4}),
    ]
    table = comparison.number_changes(runs).set_index("key")
    assert sorted(table.index) == ["extra", "moves", "word"]
    moves = table.loc["moves"]
    assert (moves["reference"], moves["smallest"], moves["largest"]) == ("2", 2, 3)
    assert (moves["different"], moves["absent"]) == (2, 0)
    assert (table.loc["word", "different"], table.loc["extra", "absent"]) == (1, 2)
    assert table.loc["extra", "reference"] == ""


# ── What is shown ─────────────────────────────────────────────────────────────────────────────────


def test_readers_see_what_is_not_the_same_and_in_how_many_runs() -> None:
    values = {"one": (0.3, 0.3, 0.3), "two": (0.9, 0.3, 0.4), "three": (0.8, 0.3, 0.3)}
    runs = [
        run(name, [(label, v, 0.1, 0.5) for label, v in zip("abc", row, strict=True)])
        for name, row in values.items()
    ]
    shown = comparison.moved(comparison.estimate_changes(comparison.estimates(runs))).set_index(
        "result"
    )
    assert shown["reading"].to_dict() == {
        "a": f"{comparison.BEYOND} in 2 runs",
        "c": comparison.WITHIN,
    }
    assert shown["changed"].to_dict() == {"a": 2, "c": 1}
    alone = comparison.estimate_changes(comparison.estimates(runs[:1]))
    assert comparison.moved(alone).empty


def test_the_figure_shows_tests_first_and_of_these_what_moves_most() -> None:
    rng = np.random.default_rng(1)
    names = [f"r{k}" for k in range(80)]
    steps = rng.permutation(np.linspace(0.001, 0.08, 80))
    one = run("one", [(name, 0.3, 0.1, 0.5) for name in names], **EFFECT)
    two = run("two", [(n, 0.3 + s, 0.1, 0.5) for n, s in zip(names, steps, strict=True)], **EFFECT)
    share = {"label": "share", "estimate": "0.1", "low": "0", "high": "0.2"}
    # A share that moves more than any test does is no test; a test that does not move comes last.
    one.tables["shares"], two.tables["shares"] = [share], [share | {"estimate": "0.9"}]
    results = comparison.estimates([one, two])
    shown = comparison.drawn(results, comparison.estimate_changes(results))
    titles = list(dict.fromkeys(shown["result"]))
    expected = [names[k] for k in np.argsort(-steps)][: len(titles)]
    assert titles == expected
    assert 9 <= len(titles) < 80
    assert list(dict.fromkeys(shown["run"])) == ["one", "two"]


def test_many_runs_still_fit_on_a_page() -> None:
    from mlsec_survey.figures import draw_runs

    rows = [(f"result {k}", 0.3, 0.1, 0.5) for k in range(30)]
    runs = [run(f"run-{k}", rows) for k in range(60)]
    results = comparison.estimates(runs)
    shown = comparison.drawn(results, comparison.estimate_changes(results))
    assert shown["run"].nunique() == 40
    assert draw_runs(shown).get_size_inches()[1] < 9.5


def test_every_run_of_a_panel_is_drawn_at_its_values() -> None:
    from mlsec_survey.figures import draw_runs

    values = {"one": (1.0, 0.5, 1.5), "two": (2.0, 1.0, 3.0), "three": (NAN, NAN, NAN)}
    results = comparison.estimates([run(name, [("a", *v)]) for name, v in values.items()])
    axes = draw_runs(comparison.drawn(results, comparison.estimate_changes(results))).axes[0]
    (lines,) = axes.collections
    ends = [path.vertices.tolist() for path in lines.get_paths()]
    assert ends[:2] == [[[0.5, 0.0], [1.5, 0.0]], [[1.0, 1.0], [3.0, 1.0]]]
    assert all(np.isnan(end[0]) for path in ends[2:] for end in path)
    points = axes.lines[0].get_xydata()
    assert points[:2].tolist() == [[1.0, 0.0], [2.0, 1.0]]


def test_an_interval_without_an_end_is_drawn_to_the_edge() -> None:
    from mlsec_survey.figures import draw_runs

    runs = [run("one", [("a", 2.0, 1.0, math.inf)]), run("two", [("a", 2.0, 1.0, 3.0)])]
    results = comparison.estimates(runs)
    axes = draw_runs(comparison.drawn(results, comparison.estimate_changes(results))).axes[0]
    (lines,) = axes.collections
    ends = np.array([path.vertices[:, 0] for path in lines.get_paths()])
    assert np.isfinite(ends).all()
    assert ends.max() > 3.0
    arrows = [line.get_xdata() for line in axes.lines if line.get_marker() == ">"]
    assert [len(places) for places in arrows] == [1]


def test_nothing_to_draw_is_said() -> None:
    results = comparison.estimates([run(k, [("a", NAN, NAN, NAN)]) for k in ("one", "two")])
    with pytest.raises(AnalysisError, match="no result"):
        comparison.drawn(results, comparison.estimate_changes(results))


def test_the_paragraph_counts_and_names_the_largest_shift() -> None:
    one = run("one", [("a", 0.3, 0.1, 0.5), ("<b>", 0.3, 0.1, 0.5)], synthetic=True, **EFFECT)
    two = run("two", [("a", 0.3, 0.1, 0.5), ("<b>", 0.7, 0.5, 0.9)], **EFFECT)
    results = comparison.estimates([one, two])
    text = comparison.describe_changes([one, two], comparison.estimate_changes(results))
    assert "1 run is compared with `one`" in text
    assert "1 of 2 runs rest on synthetic answers" in text
    assert "1 are the same in all runs" in text
    assert "1 have an estimate outside" in text
    assert (
        "“&lt;b&gt;” (effects): 0.300 in the reference, 0.300 to 0.700 over all runs, 2.0" in text
    )
    alone = comparison.estimates([one, one])
    same = comparison.describe_changes([one, one], comparison.estimate_changes(alone))
    assert "largest shift" not in same


# ── Reading what runs left, and the notebook ──────────────────────────────────────────────────────

MEANS = """\
import pandas as pd

drawn = table["drawn"]
pub.table(
    "means",
    pd.DataFrame(
        {
            "label": ["drawn", "answer"],
            "effect": ["difference", "mean ratio"],
            "n": len(table),
            "estimate": [drawn.mean(), table["answer"].mean()],
            "low": [drawn.mean() - 1, 1.5],
            "high": [drawn.mean() + 1, 4.0],
        }
    ),
    "label:quantity effect n estimate low high",
    caption="Means.",
)
pub.close()
"""
COMPARISON = """\
  07_compare_runs:
    title: Comparison
    question: What changes?
    kind: comparison
    parameters: [runs, reference]
"""


# As in the real pipeline.
PARAMETERS = {
    "runs": "{type: names, default: null, meaning: names of the runs to compare}",
    "reference": "{type: name, default: null, meaning: run that others are compared with}",
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """A small project with a batch done, and the comparison made by the real notebook."""
    project = make_project(tmp_path_factory.mktemp("compared") / "project")
    project.edit("notebooks/01_first.py", "pub.close()\n", MEANS)
    pipeline = project.root / "notebooks" / "pipeline.yml"
    of_07 = "".join(f"  {name}: {PARAMETERS[name]}\n" for name in ("runs", "reference"))
    project.edit("notebooks/pipeline.yml", "parameters:\n", f"parameters:\n{of_07}")
    pipeline.write_text(pipeline.read_text() + COMPARISON)
    shutil.copy(ROOT / "notebooks" / "07_compare_runs.py", project.root / "notebooks")
    (project.root / "batch.yml").write_text(
        "version: 1\npages: false\nreference: s-2\nruns:\n  - name: main\n"
        "grids:\n  - name: s\n    over: {seed: [2, 10]}\n"
    )
    done = project.run("--batch", "batch.yml")
    assert done.status == 0, done
    assert "comparison: runs/batch/html/" in done.out
    return project


def test_runs_are_found_and_read_with_what_they_changed(compared: SmallProject) -> None:
    assert comparison.find_runs(compared.root) == ["main", "s-2", "s-10"]
    runs = comparison.read_runs(compared.root, reference="s-10")
    assert [run.name for run in runs] == ["s-10", "main", "s-2"]
    assert comparison.parameter_table(runs)["parameters"].tolist() == [
        "seed = 10",
        "defaults",
        "seed = 2",
    ]
    assert all(run.synthetic for run in runs)
    assert "n_rows" in runs[0].numbers


def test_parameters_are_those_of_the_injected_cell_whatever_is_written_around_it(
    compared: SmallProject, tmp_path: Path
) -> None:
    shutil.copytree(compared.root, tmp_path / "copy")
    path = tmp_path / "copy/runs/s-10/notebooks/01_first.ipynb"
    notebook = json.loads(path.read_text())
    said = 'a cell tagged ["injected-parameters"], "source": ["seed = 5"]'
    notebook["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": [said]})
    for text in (json.dumps(notebook), json.dumps(notebook, indent=1)):
        path.write_text(text)
        (one,) = comparison.read_runs(tmp_path / "copy", ["s-10", "main"])[:1]
        assert one.parameters == {"seed": 10}
    shutil.rmtree(path.parent)
    assert comparison.read_runs(tmp_path / "copy", ["s-10", "main"])[0].parameters == {}


def test_the_comparison_holds_what_the_runs_published(compared: SmallProject) -> None:
    folder = compared.root / "runs" / "batch" / "paper" / "generated" / "tables"
    table = pd.read_csv(folder / "results_across_runs.csv").set_index("result")
    estimates = {
        name: pd.read_csv(
            compared.root / "runs" / name / "paper" / "generated" / "tables" / "means.csv"
        ).set_index("label")["estimate"]
        for name in ("main", "s-2", "s-10")
    }
    drawn = [values["drawn"] for values in estimates.values()]
    assert table.loc["drawn", "smallest"] == pytest.approx(min(drawn), rel=1e-5)
    assert table.loc["drawn", "largest"] == pytest.approx(max(drawn), rel=1e-5)
    assert table.loc["drawn", "estimate"] == pytest.approx(estimates["s-2"]["drawn"], rel=1e-5)
    assert table.loc["answer", "reading"] == comparison.SAME
    page = (compared.root / "runs/batch/html/07_compare_runs.html").read_text()
    cells = re.findall(r'<th scope="row"[^>]*>([^<]*)</th>', page)
    assert "drawn" in cells and "answer" not in cells, "what is the same is in the CSV file only"
    order = pd.read_csv(folder / "compared_runs.csv")["run"].tolist()
    assert order == ["s-2", "main", "s-10"]


def test_the_comparison_is_labelled_and_its_page_is_there(compared: SmallProject) -> None:
    record = compared.record("07_compare_runs", "runs/batch")
    assert record["synthetic"] is True
    page = (compared.root / "runs" / "batch" / "html" / "07_compare_runs.html").read_text()
    assert "Synthetic stand-in data" in page
    assert "runs_compared" in page


def test_the_comparison_is_made_again_when_a_run_changes_and_only_then(
    compared: SmallProject,
) -> None:
    assert compared.run("--batch", "batch.yml").worked == []
    target = compared.root / "runs" / "batch" / "paper" / "generated" / "tables"
    before = (target / "results_across_runs.csv").read_bytes()
    compared.edit("batch.yml", "[2, 10]", "[2, 11]")
    again = compared.run("--batch", "batch.yml")
    assert again.status == 0
    assert (target / "results_across_runs.csv").read_bytes() != before


def test_what_cannot_be_compared_is_said_with_a_remedy(
    compared: SmallProject, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"'s-3' has no published results[\s\S]*'s-2'"):
        comparison.read_runs(compared.root, ["main", "s-3"])
    with pytest.raises(InputError, match="at least two runs"):
        comparison.read_runs(compared.root, ["main"])
    shutil.copytree(compared.root, tmp_path / "copy")
    record = tmp_path / "copy/runs/main/paper/generated/records/01_first.json"
    record.write_text(json.dumps({"notebook": "01_first"}))
    with pytest.raises(InputError, match=r"'main' cannot be read[\s\S]*--force"):
        comparison.read_runs(tmp_path / "copy")
