"""DDI-Codebook 2.5 (https://ddialliance.org): the study and its variables, for data archives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from mlsec_survey.instrument.codebook import Codebook
from mlsec_survey.instrument.variables import Variable

NAMESPACE = "ddi:codebook:2_5"
_NATURE = {
    "binary": "nominal",
    "nominal": "nominal",
    "ordinal": "ordinal",
    "interval": "interval",
    "count": "ratio",
}


def ddi_codebook(codebook: Codebook, citation: Mapping[str, Any], *, synthetic: bool) -> bytes:
    """Return the DDI document as XML.

    Args:
        codebook: items, response options and kinds of missing answers.
        citation: content of CITATION.cff.
        synthetic: whether the answers that the archive describes are.
    """
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(_tag("codeBook"), {"version": "2.5"})
    study = _under(root, "stdyDscr")
    cited = _under(study, "citation")
    titles = _under(cited, "titlStmt")
    _under(titles, "titl", str(citation["title"]))
    for reference in citation["references"]:
        if reference.get("doi"):
            _under(titles, "IDNo", str(reference["doi"]), agency="DOI")
    authors = _under(cited, "rspStmt")
    for author in citation["authors"]:
        _under(authors, "AuthEnty", str(author["name"]))
    _under(_under(cited, "verStmt"), "version", str(citation["version"]))
    about = _under(study, "stdyInfo")
    subject = _under(about, "subject")
    for keyword in citation["keywords"]:
        _under(subject, "keyword", str(keyword))
    _under(about, "abstract", str(citation["abstract"]).strip())
    if synthetic:
        _under(
            about,
            "notes",
            "Synthetic stand-in: a program generated the answers. They are no evidence about "
            "anybody.",
        )
    _under(about, "notes", codebook.wording_note)
    described = _under(root, "dataDscr")
    for variable in codebook.variables():
        if not variable.item.identifying:
            _describe(described, variable, codebook)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _describe(parent: ET.Element, variable: Variable, codebook: Codebook) -> None:
    attributes = {"ID": f"V_{variable.name}", "name": variable.name}
    if variable.measure in _NATURE:
        attributes["nature"] = _NATURE[variable.measure]
    entry = _under(parent, "var", **attributes)
    _under(entry, "labl", variable.label)
    if variable.derived is None:
        question = _under(_under(entry, "qstn"), "qstnLit", variable.item.about)
        question.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    for option in variable.options:
        category = _under(entry, "catgry")
        _under(category, "catValu", str(option.value))
        _under(category, "labl", option.label)
    labels = {kind: missing.label for kind, missing in codebook.missing}
    for kind in variable.missing:
        category = _under(entry, "catgry", missing="Y")
        _under(category, "catValu", kind)
        _under(category, "labl", labels[kind])
    _under(entry, "concept", variable.construct)
    numeric = variable.measure in ("count", "interval") or all(
        isinstance(option.value, int) for option in variable.options
    )
    _under(entry, "varFormat", type="numeric" if numeric and not variable.is_text else "character")


def _under(
    parent: ET.Element, tag: str, text: str | None = None, /, **attributes: str
) -> ET.Element:
    element = ET.SubElement(parent, _tag(tag), attributes)
    element.text = text
    return element


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
