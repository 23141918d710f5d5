"""Reading a codebook from its file, checked as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mlsec_survey.base.yaml_input import YamlDocument, more, read_yaml, refuse_open, validate
from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.codebook_checks import problems


def load_codebook(path: Path | str) -> Codebook:
    """Read and check a codebook.

    Args:
        path: YAML file in the layout of `data/codebook.yml`.

    Raises:
        InputError: an entry has the wrong shape, repeats an id or code, or refers to something that
            is not there; the message names the entry and its line.
    """
    document = read_yaml(Path(path))
    refuse_open(document)
    return validated(document, document.content)


def validated(document: YamlDocument, content: Any) -> Codebook:
    """Return the codebook that some content is, checked as a whole.

    Args:
        document: the file that messages are about.
        content: plain data in the layout of a codebook.

    Raises:
        InputError: as for `load_codebook`.
    """
    codebook = validate(replace(document, content=content), Codebook)
    found = problems(codebook)
    if found:
        location, problem, remedy = found[0]
        raise document.error(location, problem + more(len(found) - 1), remedy=remedy)
    return codebook
