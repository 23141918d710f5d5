"""The overview: says what is synthetic exactly when it is, and maps the notebooks as declared."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from mlsec_survey.instrument.codebook_file import load_codebook
from mlsec_survey.study import overview

ROOT = Path(__file__).resolve().parents[1]


def test_the_map_lists_what_comes_before_each_notebook(tmp_path: Path) -> None:
    pipeline = tmp_path / "pipeline.yml"
    pipeline.write_text(
        "notebooks:\n"
        "  01_a: {title: A, question: a?, inputs: [raw.csv], outputs: [out.csv]}\n"
        "  02_b: {title: B, question: b?, inputs: [out.csv, 'published:01_a']}\n"
        "  03_c: {title: C, question: c?, inputs: [out.csv, 'published:02_b']}\n"
        "  90_d: {title: D, question: d?, kind: comparison}\n"
    )
    table = overview.notebook_map(pipeline)
    assert table["notebook"].tolist() == ["01_a", "02_b", "03_c"]
    assert table["after"].tolist() == ["", "01", "01, 02"]


def test_the_committed_pipeline_starts_with_the_overview() -> None:
    table = overview.notebook_map(ROOT / "notebooks" / "pipeline.yml")
    assert table["notebook"].iloc[0] == "00_overview"
    assert table["after"].iloc[-1] == "01, 02, 03, 04, 05"


def test_the_status_of_the_answers_follows_the_manifest() -> None:
    codebook = load_codebook(ROOT / "data" / "codebook.yml")
    for synthetic in (True, False):
        manifest = SimpleNamespace(is_synthetic=synthetic, title="T")
        text = " ".join(overview.data_status(manifest, codebook)["status"])  # type: ignore[arg-type]
        assert ("synthetic" in text) is synthetic
        assert "never the original wording" in text
