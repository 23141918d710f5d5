"""Write the questionnaire into survey/: for LimeSurvey, for Qualtrics and on paper.

It is made of data/codebook.yml (what is asked), data/wording/ (in which words, one file per
language) and data/questionnaire.yml (how). The words are this project's own and no original
questionnaire; every file says so.

    limesurvey.txt         import in LimeSurvey: Create survey, Import, then activate
    limesurvey.lss         the same in LimeSurvey's own format
    qualtrics_LANGUAGE.txt import in Qualtrics: Import/Export, Import survey
    qualtrics_LANGUAGE_by_hand.txt, qualtrics_codes.csv
                           what Qualtrics' format cannot hold, and what its numbers stand for
    form_LANGUAGE.html, form_LANGUAGE.pdf
                           the form on paper, for ethics boards and pretests

Without TeX the PDF files are left out, and the script ends with status 3.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import CompendiumError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.base.text_safety import safe_csv  # noqa: E402
from mlsec_survey.instrument.codebook_file import load_codebook  # noqa: E402
from mlsec_survey.instrument.questionnaire import limesurvey, lss, paper, qualtrics  # noqa: E402
from mlsec_survey.instrument.questionnaire.form import Form, build_form  # noqa: E402
from mlsec_survey.instrument.questionnaire.wording import (  # noqa: E402
    Fielding,
    load_fielding,
    load_wording,
)
from mlsec_survey.report.latex import escape_latex  # noqa: E402
from mlsec_survey.runner.outputs.typesetting import TexMissing, typeset  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run the script; return 0 if all is written, 2 on bad input, 3 if TeX is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "survey", help="default: survey")
    parser.add_argument("--codebook", type=Path, default=ROOT / "data" / "codebook.yml")
    parser.add_argument("--wording", type=Path, default=ROOT / "data" / "wording")
    parser.add_argument("--fielding", type=Path, default=ROOT / "data" / "questionnaire.yml")
    parser.add_argument("--no-pdf", action="store_true", help="leave the PDF files out")
    options = parser.parse_args(arguments)
    try:
        form, fielding = load_form(options.codebook, options.wording, options.fielding)
        files = survey_files(form)
        if not options.no_pdf:
            files |= {f"form_{name}.pdf": form_pdf(form, name) for name in form.languages}
    except TexMissing as error:
        print(error, file=sys.stderr)
        status = error.exit_status
    except CompendiumError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    else:
        status = 0
    keep_or_compare(files, options.out, check=False, source="the wording says")
    for name in fielding.open_words():
        words = fielding.fill_in[name]
        print(f"still to fill in: {words} ({name} under fill_in in {options.fielding.name})")
    return status


def load_form(
    codebook_path: Path, wording_folder: Path, fielding_path: Path
) -> tuple[Form, Fielding]:
    """Read codebook, fielding and the wording of each language, and put them together."""
    codebook = load_codebook(codebook_path)
    fielding = load_fielding(fielding_path, codebook)
    wordings = [
        load_wording(wording_folder / f"{language}.yml", codebook, fielding)
        for language in fielding.languages
    ]
    return build_form(codebook, wordings, fielding), fielding


def survey_files(form: Form) -> dict[str, bytes]:
    """Return all files but the PDF ones, by name."""
    rows = limesurvey.structure_rows(form)
    files = {
        "limesurvey.txt": limesurvey.structure_txt(form).encode("utf-8-sig"),
        "limesurvey.lss": lss.structure_lss(rows),
        "qualtrics_codes.csv": safe_csv(
            ["qualtrics_column", "qualtrics_number", "column", "code"], qualtrics.export_codes(form)
        ).encode(),
    }
    for language in form.languages:
        files[f"qualtrics_{language}.txt"] = qualtrics.advanced_format(form, language).encode()
        files[f"qualtrics_{language}_by_hand.txt"] = qualtrics.by_hand(form, language).encode()
        files[f"form_{language}.html"] = paper.form_html(form, language).encode()
    return files


def form_pdf(form: Form, language: str) -> bytes:
    """Return the form on paper as PDF.

    Raises:
        TexMissing: TeX is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        place, source = Path(folder), Path(f"form_{language}.tex")
        (place / source).write_text(paper.form_tex(form, language, escape_latex), encoding="utf-8")
        log = ROOT / ".cache" / f"form_{language}.log"
        typeset(place, place, source, (), place / "out", log)
        return (place / "out" / source.with_suffix(".pdf")).read_bytes()


if __name__ == "__main__":
    sys.exit(main())
