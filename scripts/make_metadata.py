"""Write what describes the compendium for others, from CITATION.cff, which is the one source.

`.zenodo.json` and `codemeta.json`. `--home owner/name` sets where the compendium lives, from which
the badge in the README and all other addresses follow (`make home REPO=owner/name`); `--home auto`
takes it from the git remote `origin`. `--check` compares and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from mlsec_survey.base.errors import InputError  # noqa: E402
from mlsec_survey.base.files import keep_or_compare  # noqa: E402
from mlsec_survey.base.yaml_input import read_yaml  # noqa: E402
from mlsec_survey.report.home import Home, load_home, parse_home  # noqa: E402

_BADGE = re.compile(r"<!-- badge -->.*?<!-- /badge -->", re.DOTALL)
_IMAGE = "https://mybinder.org/badge_logo.svg"


def zenodo(cff: dict[str, Any], home: Home | None) -> dict[str, Any]:
    """Return the deposit metadata that Zenodo reads."""
    related = [
        {
            "identifier": reference["doi"],
            "relation": "isSupplementTo",
            "resource_type": "publication-article",
        }
        for reference in cff["references"]
        if reference.get("doi")
    ]
    if home is not None:
        related.append({"identifier": home.code, "relation": "isIdenticalTo"})
    return {
        "title": cff["title"],
        "description": cff["abstract"],
        "upload_type": "software",
        "version": str(cff["version"]),
        "license": cff["license"][0],
        "keywords": cff["keywords"],
        "creators": [{"name": author["name"]} for author in cff["authors"]],
        "related_identifiers": related,
    }


def codemeta(cff: dict[str, Any], project: dict[str, Any], home: Home | None) -> dict[str, Any]:
    """Return the CodeMeta description (https://codemeta.github.io), version 3.0."""
    described = {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": cff["title"],
        "description": cff["abstract"],
        "version": str(cff["version"]),
        "datePublished": str(cff["date-released"]),
        "license": [f"https://spdx.org/licenses/{name}" for name in cff["license"]],
        "keywords": cff["keywords"],
        "programmingLanguage": "Python",
        "runtimePlatform": f"Python {project['requires-python']}",
        "author": [{"@type": "Organization", "name": author["name"]} for author in cff["authors"]],
        "referencePublication": [
            {
                "@type": "ScholarlyArticle",
                "name": reference["title"],
                "@id": f"https://doi.org/{reference['doi']}",
            }
            for reference in cff["references"]
            if reference.get("doi")
        ],
    }
    if home is not None:
        described |= {"codeRepository": home.code, "url": home.pages}
    return described


def badge(home: Home | None) -> str:
    """Return the README's line with the badge, or what to do for one."""
    if home is None:
        line = f"[![Binder]({_IMAGE})](CONTRIBUTING.md#a-home-in-public)"
    else:
        line = f"[![Open in Binder]({_IMAGE})]({home.binder})"
    return f"<!-- badge -->{line}<!-- /badge -->"


def with_home(cff: str, home: Home) -> str:
    """Return the text of CITATION.cff with the home in it."""
    line = f"repository-code: {home.code}"
    if re.search(r"^repository-code:", cff, re.MULTILINE):
        return re.sub(r"^repository-code:.*$", line, cff, flags=re.MULTILINE)
    return re.sub(r"^(version:.*)$", rf"\1\n{line}", cff, count=1, flags=re.MULTILINE)


def main() -> int:
    """Write the files, or compare them, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", metavar="owner/name", help="where the compendium lives")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    given = parser.parse_args()
    try:
        path = ROOT / "CITATION.cff"
        if given.home:
            home = parse_home(_origin() if given.home == "auto" else given.home)
            path.write_text(with_home(path.read_text(encoding="utf-8"), home), encoding="utf-8")
        known, cff = load_home(ROOT), read_yaml(path).content
    except InputError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files = {
        ".zenodo.json": _json(zenodo(cff, known)),
        "codemeta.json": _json(codemeta(cff, project, known)),
        "README.md": _BADGE.sub(lambda _: badge(known), readme, count=1).encode(),
    }
    return keep_or_compare(files, ROOT, check=given.check, source="CITATION.cff gives")


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _origin() -> str:
    done = subprocess.run(
        ["git", "remote", "get-url", "origin"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(
            "there is no git remote `origin`", remedy="name it: make home REPO=owner/name"
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
