"""RO-Crate 1.2 with the Process Run profile: which notebook made what, from what, by which code."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlsec_survey.archive.contents import digest
from mlsec_survey.archive.results import NotebookRun

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TYPES = {
    ".cff": "text/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".py": "text/x-python",
    ".svg": "image/svg+xml",
    ".tex": "text/x-tex",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".xml": "application/xml",
    ".yml": "application/yaml",
}


def crate_metadata(
    files: Mapping[str, bytes],
    runs: Iterable[NotebookRun],
    citation: Mapping[str, Any],
    described: Mapping[str, str],
) -> bytes:
    """Return `ro-crate-metadata.json`.

    It carries no time of the run: two builds of one state are the same. Which code ran is the
    digest of the sources, which environment the digest of the lock.

    Args:
        files: content of the archive by name.
        runs: the notebooks with what they read and wrote.
        citation: content of CITATION.cff.
        described: what a file is, by name, for those that no notebook wrote.
    """
    # An optional dependency: only those who build an archive need it.
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.2")
    crate.name = str(citation["title"])
    crate.description = str(citation["abstract"]).strip()
    crate.datePublished = str(citation["date-released"])
    crate.license = crate.add(
        ContextEntity(
            crate,
            f"https://spdx.org/licenses/{citation['license'][0]}",
            {"@type": "CreativeWork", "name": citation["license"][0]},
        )
    )
    publisher = ContextEntity(
        crate, "#contributors", {"@type": "Organization", "name": citation["authors"][0]["name"]}
    )
    crate.add(publisher)
    crate.root_dataset["author"] = publisher
    crate.publisher = publisher
    profile = ContextEntity(
        crate,
        PROFILE,
        {
            "@type": ["CreativeWork", "Profile"],
            "name": "Process Run Crate",
            "version": "0.5",
        },
    )
    crate.add(profile)
    crate.root_dataset["conformsTo"] = profile
    entities = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in sorted(files.items()):
            properties = {
                "name": described.get(name, Path(name).name),
                "contentSize": str(len(content)),
                "sha256": digest(content),
            }
            properties["encodingFormat"] = _TYPES.get(Path(name).suffix, "application/octet-stream")
            entities[name] = crate.add_file(None, name, properties=properties)
        code = b"".join(
            content
            for name, content in sorted(files.items())
            if name.startswith(("src/", "notebooks/", "scripts/")) and name.endswith(".py")
        )
        lock = "requirements.lock"
        tool = crate.add(
            ContextEntity(
                crate,
                _named(code),
                {
                    "@type": "SoftwareApplication",
                    "name": "scripts/run_all.py",
                    "description": "Runs the notebooks; its name is the digest of all sources.",
                    "url": citation.get("repository-code") or {"@id": "scripts/run_all.py"},
                    "version": str(citation["version"]),
                    "softwareRequirements": {"@id": lock},
                },
            )
        )
        for run in runs:
            actions = [
                crate.add(
                    ContextEntity(
                        crate,
                        f"#{run.name}-{key}",
                        {
                            "@type": "PropertyValue",
                            "name": key,
                            "value": "none" if value is None else str(value),
                        },
                    )
                )
                for key, value in run.parameters.items()
            ]
            action = crate.add(
                ContextEntity(
                    crate,
                    f"#run-{run.name}",
                    {
                        "@type": "CreateAction",
                        "name": f"{run.title} ({run.name})",
                        "description": run.question,
                        "actionStatus": "http://schema.org/CompletedActionStatus",
                    },
                )
            )
            action["instrument"] = tool
            action["agent"] = publisher
            action["object"] = [
                *(entities[name] for name in run.reads if name in entities),
                *actions,
            ]
            action["result"] = [entities[name] for name in run.wrote if name in entities]
            crate.root_dataset.append_to("mentions", action)
        target = Path(scratch) / "crate"
        target.mkdir()
        crate.metadata.write(target)
        content = json.loads((target / "ro-crate-metadata.json").read_text(encoding="utf-8"))
        shutil.rmtree(target)
    content["@graph"].sort(key=lambda entity: str(entity["@id"]))
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _named(content: bytes) -> str:
    """Return the name of content by its digest (RFC 6920), which is an absolute URI."""
    value = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"ni:///sha-256;{value}"
