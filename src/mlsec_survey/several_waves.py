"""The waves of a survey as the notebook that compares them sees them: read, checked and cleaned."""

from __future__ import annotations

from mlsec_survey.analysis.waves import AskedOnce
from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import load_manifest
from mlsec_survey.instrument.questionnaire.wording import load_wordings
from mlsec_survey.instrument.waves import load_waves
from mlsec_survey.project import Project
from mlsec_survey.responses.cleaned import cleaned
from mlsec_survey.responses.readers import read_export


def read_waves(project: Project, path: str | None) -> tuple[list[AskedOnce], bool, bool]:
    """Return the analysed respondents of each wave that a file lists.

    Args:
        project: whose codebook overlays change.
        path: of the file, below the project's folder.

    Returns:
        The waves in their order, whether the answers of all are synthetic, and whether invitation
        codes link them.

    Raises:
        InputError: there is no file, or an export or overlay does not fit.
    """
    if not path:
        raise InputError(
            "parameter waves is not set",
            remedy="name the file that lists the waves: run_all.py --waves data/waves/NAME.yml",
        )
    waves, linked = load_waves(project.root / path, project.root, project.codebook)
    wordings = load_wordings(project.root / "data", project.codebook)
    asked = []
    for wave in waves:
        raw = read_export(wave.export, wave.codebook, wordings)
        responses, invitation = cleaned(raw, wave.codebook)
        codes = invitation if linked else None
        asked.append(AskedOnce(wave.label, wave.codebook, wave.reworded, responses, codes))
    synthetic = all(load_manifest(wave.export).is_synthetic for wave in waves)
    return asked, synthetic, linked
