"""Where this compendium lives in public: one address, from which all others follow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mlsec_survey.base.errors import InputError
from mlsec_survey.base.yaml_input import read_yaml

_GITHUB = re.compile(
    r"(?:https://github\.com/|git@github\.com:)(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?"
)
_NAME = re.compile(r"[A-Za-z0-9][\w-]*/[\w.-]+")


@dataclass(frozen=True)
class Home:
    """A repository on GitHub, and what is served from it.

    Attributes:
        name: owner and repository, as in `owner/name`.
    """

    name: str

    @property
    def code(self) -> str:
        """Address of the repository."""
        return f"https://github.com/{self.name}"

    @property
    def pages(self) -> str:
        """Address under which the pages are served; ends with a slash."""
        owner, _, repository = self.name.partition("/")
        return f"https://{owner.lower()}.github.io/{repository}/"

    @property
    def binder(self) -> str:
        """Address that starts the overview on Binder."""
        return f"https://mybinder.org/v2/gh/{self.name}/main?urlpath=lab/tree/notebooks/00_overview.ipynb"


def parse_home(text: str) -> Home:
    """Return the home that `owner/name`, or the address of a repository on GitHub, stands for.

    Raises:
        InputError: it is neither.
    """
    match = _GITHUB.fullmatch(text.strip())
    name = match["name"] if match else text.strip()
    if not _NAME.fullmatch(name):
        raise InputError(
            "no repository on GitHub",
            value=text,
            remedy="give it as owner/name: make home REPO=owner/name",
        )
    return Home(name)


def load_home(root: Path) -> Home | None:
    """Return the home that CITATION.cff names as `repository-code`, None when there is none.

    Raises:
        InputError: the file cannot be read, or names something else than a repository on GitHub.
    """
    citation = root / "CITATION.cff"
    address = read_yaml(citation).content.get("repository-code") if citation.exists() else None
    return None if address is None else parse_home(str(address))
