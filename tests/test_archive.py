"""The archive: the same bytes twice, and read back by tools that this project did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from frictionless import Package
from frictionless import validate as validate_package
from lxml import etree
from rocrate_validator import models, services

from mlsec_survey.archive import contents
from mlsec_survey.archive.build import CRATE, archive_files, build_archive
from mlsec_survey.archive.ddi import NAMESPACE
from mlsec_survey.archive.results import notebook_runs
from mlsec_survey.archive.verify import receipt_text, verify
from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.plan import load_plan

ROOT = Path(__file__).resolve().parents[1]
EXPORT = ROOT / "data/raw/standin.csv"
DDI = {"d": NAMESPACE}
# These two look the context up on the web; all others read the file.
ONLINE = ["ro-crate-1.2_4.1", "ro-crate-1.2_4.2", "ro-crate-1.1_3.1", "ro-crate-1.1_3.2"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / ".git").exists(), reason="an unpacked archive is built from a checkout"
    ),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the archive twice, compare, and unpack it."""
    folder = tmp_path_factory.mktemp("archive")
    first = build_archive(ROOT, EXPORT, folder / "one" / "compendium.zip")
    second = build_archive(ROOT, EXPORT, folder / "two" / "compendium.zip")
    assert first == second
    with zipfile.ZipFile(folder / "one" / "compendium.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder / "compendium"


def test_every_file_is_listed_with_its_checksum(unpacked: Path) -> None:
    listed = contents.read_checksums(unpacked / contents.CHECKSUMS)
    there = {
        path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()
    }
    assert set(listed) | {contents.CHECKSUMS} == there
    for name, value in listed.items():
        assert contents.digest((unpacked / name).read_bytes()) == value, name


def test_an_unpacked_archive_gives_the_same_list_of_files_without_git(unpacked: Path) -> None:
    listed = {path.as_posix() for path in contents.project_files(unpacked)}
    assert listed == set(contents.read_checksums(unpacked / contents.CHECKSUMS))


def test_no_answer_of_a_private_export_goes_in(unpacked: Path) -> None:
    inside = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert not [name for name in inside if name.startswith(("data/processed/resp", "runs/"))]
    assert not [name for name in inside if name.startswith("data/raw/export")]


def test_the_data_package_is_valid_and_says_what_columns_mean(unpacked: Path) -> None:
    report = validate_package(str(unpacked / "datapackage.json"))
    assert report.valid, [error.note for task in report.tasks for error in task.errors]
    package = Package(str(unpacked / "datapackage.json"))
    tables = [path.stem for path in (unpacked / "paper/generated/tables").glob("*.csv")]
    assert {resource.path for resource in package.resources} >= {
        f"paper/generated/tables/{name}.csv" for name in tables
    }
    described = json.loads((unpacked / "datapackage.json").read_text())["resources"]
    without = [
        (resource["name"], field["name"])
        for resource in described
        if resource["name"] != "responses"
        for field in resource["schema"]["fields"]
        if "description" not in field
    ]
    assert not without


def test_the_crate_conforms_to_ro_crate_and_its_process_run_profile(
    unpacked: Path, tmp_path: Path
) -> None:
    for profile in ("ro-crate-1.2", "process-run-crate-0.5"):
        settings = services.ValidationSettings(
            rocrate_uri=str(unpacked),
            profile_identifier=profile,
            requirement_severity=models.Severity.REQUIRED,
            # The profile's own checks stand on RO-Crate 1.1, whose version check would refuse 1.2.
            disable_inherited_profiles_issue_reporting=profile.startswith("process"),
            metadata_dict=_with_context(unpacked),
            skip_checks=ONLINE,
            skip_availability_check=True,
            cache_path=str(tmp_path / "cache"),
            offline=True,
        )
        found = services.validate(settings).get_issues()
        assert not [(issue.check.identifier, issue.message) for issue in found]


def _with_context(folder: Path) -> dict[str, object]:
    """Return the crate with the terms that it uses defined in it, so that no web is needed."""
    crate = json.loads((folder / CRATE).read_text(encoding="utf-8"))
    terms = {"@vocab": "http://schema.org/", "conformsTo": "http://purl.org/dc/terms/conformsTo"}
    terms["File"] = "http://schema.org/MediaObject"
    terms["Profile"] = "http://www.w3.org/ns/dx/prof/Profile"
    return crate | {"@context": terms}


def test_the_crate_says_which_notebook_made_what_from_what(unpacked: Path) -> None:
    graph = {
        entity["@id"]: entity for entity in json.loads((unpacked / CRATE).read_text())["@graph"]
    }
    runs = notebook_runs(ROOT, EXPORT)
    assert len(runs) > 5
    for run in runs:
        action = graph[f"#run-{run.name}"]
        made = {entry["@id"] for entry in action["result"]}
        used = {entry["@id"] for entry in action["object"]}
        assert made == {name for name in run.wrote if (unpacked / name).is_file()}
        assert f"notebooks/{run.name}.py" in used
        for name in made:
            content = (unpacked / name).read_bytes()
            assert graph[name]["sha256"] == contents.digest(content)
    assert "data/raw/standin.csv" in {entry["@id"] for entry in graph["#run-01_cleaning"]["object"]}


def test_the_ddi_document_describes_every_variable(unpacked: Path, codebook: Codebook) -> None:
    document = etree.parse(str(unpacked / "ddi-codebook.xml"))
    described = {entry.get("name"): entry for entry in document.iterfind(".//d:var", DDI)}
    expected = {v.name: v for v in codebook.variables() if not v.item.identifying}
    assert set(described) == set(expected)
    for name, variable in expected.items():
        values = described[name].xpath("d:catgry[not(@missing)]/d:catValu/text()", namespaces=DDI)
        assert values == [str(option.value) for option in variable.options]
        missing = described[name].xpath("d:catgry[@missing]/d:catValu/text()", namespaces=DDI)
        assert missing == list(variable.missing)
    assert "no evidence" in " ".join(document.xpath("//d:notes/text()", namespaces=DDI))


def test_codecheck_lists_outputs_that_are_there(unpacked: Path) -> None:
    entries = yaml.safe_load((unpacked / "codecheck.yml").read_text(encoding="utf-8"))["manifest"]
    assert len(entries) > 50
    assert all((unpacked / entry["file"]).is_file() and entry["comment"] for entry in entries)


def test_the_preregistration_is_the_plan(unpacked: Path, codebook: Codebook) -> None:
    plan = load_plan(ROOT / "data/analysis_plan.yml", codebook)
    text = (unpacked / "preregistration.md").read_text(encoding="utf-8")
    assert plan.digest in text and codebook.digest in text
    for entry in plan.hypotheses:
        assert f"| {entry.id} | {entry.label} |" in text
        assert entry.sesoi.reason in text


def test_private_answers_give_an_archive_without_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    for name in contents.project_files(ROOT):
        if name.parts[0] in ("data", "paper", "notebooks", "figures") or len(name.parts) == 1:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    manifest = folder / "data/raw/standin.manifest.yml"
    text = manifest.read_text(encoding="utf-8").replace("synthetic: true", "synthetic: false")
    start = text.index("generator:")
    manifest.write_text(text[:start] + text[text.index("note:") :], encoding="utf-8")
    monkeypatch.setattr(contents, "project_files", lambda root: [Path("CITATION.cff")])
    files = archive_files(folder, folder / "data/raw/standin.csv")
    assert "responses.csv" not in files
    assert b"stand-in" not in files["ddi-codebook.xml"]


def test_a_receipt_tells_what_differs_and_by_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run for run in notebook_runs(ROOT, EXPORT) if run.name == "02_sample"]
    table = next(name for name in runs[0].wrote if name.endswith(".csv"))
    for name in runs[0].wrote:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    files = {name: (tmp_path / name).read_bytes() for name in runs[0].wrote}
    (tmp_path / contents.CHECKSUMS).write_bytes(contents.checksums(files))
    gone = next(name for name in runs[0].wrote if name.endswith(".pdf"))

    def rerun(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        path = tmp_path / table
        path.write_bytes(_one_number_larger(path.read_bytes()))
        (tmp_path / gone).unlink()
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(subprocess, "run", rerun)
    receipt = verify(tmp_path, runs)
    assert receipt["outputs"][gone] == {"is": "missing"}
    assert receipt["outputs"][table]["cells"] == 1
    assert receipt["outputs"][table]["largest_relative_difference"] == pytest.approx(0.5)
    same = [name for name, entry in receipt["outputs"].items() if entry["is"] == "same"]
    assert len(same) == len(files) - 2
    text = receipt_text(receipt)
    assert f"{len(same)} of {len(files)} outputs" in text and gone in text and table in text


def _one_number_larger(content: bytes) -> bytes:
    """Double the first number of a CSV file that is not zero."""
    lines = content.decode().splitlines(keepends=True)
    for at, line in enumerate(lines[1:], start=1):
        for cell in line.rstrip("\n").split(","):
            try:
                value = float(cell)
            except ValueError:
                continue
            if value:
                lines[at] = line.replace(cell, str(2 * value), 1)
                return "".join(lines).encode()
    raise AssertionError("no number in this table")


def test_verifying_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checksums"):
        verify(tmp_path, [])


@pytest.mark.full
def test_the_unpacked_archive_reruns_to_the_same_bytes(unpacked: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(unpacked, copy)
    done = subprocess.run(
        [sys.executable, "scripts/make_archive.py", "--verify"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "outputs came out the same" in done.stdout
