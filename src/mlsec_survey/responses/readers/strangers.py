"""Files that are no export of responses, named as what they are, with what to click instead."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

from mlsec_survey.base.errors import InputError

_EXPORT = (
    "In LimeSurvey choose Responses > Export > Export responses (CSV), or Export > Survey archive "
    "(.lsa)."
)


def name_stranger(data: bytes, path: Path) -> InputError | None:
    """Return what to say of a file that is no export; None if it may be one."""
    said = _named(data)
    if said is None:
        return None
    problem, remedy = said
    return InputError(problem, file=path, remedy=remedy)


def _named(data: bytes) -> tuple[str, str] | None:
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return (
            "the file is a workbook of an old version of Excel (.xls), or a document of Word",
            "Save it from the spreadsheet as .xlsx, or better: " + _EXPORT,
        )
    if data.startswith(b"%PDF"):
        return "the file is a PDF", _EXPORT
    if data.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8")):
        return "the file is a picture", _EXPORT
    if data.startswith(b"\x1f\x8b"):
        return "the file is compressed with gzip", "Unpack it. Or else: " + _EXPORT
    if data.startswith((b"7z\xbc\xaf", b"Rar!")):
        return "the file is a packed archive", "Unpack it. Or else: " + _EXPORT
    if data.startswith((b"ARROW1", b"FEA1", b"\x89HDF", b"SQLite format 3", b"\x80\x04", b"RDX")):
        return "the file is a table or database in the format of another program", _EXPORT
    if data.startswith(b"version https://git-lfs"):
        return "the file is a pointer of Git LFS, not the export itself", "Run git lfs pull."
    if data.startswith(b"PK"):
        return _zip(data)
    if re.match(rb"<!doctype html|<(?:html|head|body|table|div)\b", start, re.IGNORECASE):
        title = re.search(rb"<title[^>]*>(.{0,200}?)</title>", data[:100_000], re.S | re.I)
        words = title.group(1).decode("utf-8", "replace").strip() if title else ""
        return (
            "the file is a web page"
            + (f" titled {words[:80]!r}" if words else "")
            + ", probably a page of results, an error or a request to log in",
            "Log in to the survey tool and export again. " + _EXPORT,
        )
    if start.startswith(b"<?xml") or start.startswith(b"<"):
        if b"LimeSurveyDocType" in data[:4096]:
            return (
                "the file is one part of a LimeSurvey archive, or a survey's structure (.lss)",
                "Choose Export > Survey archive (.lsa), which holds the responses too.",
            )
        return "the file is XML of a kind that no reader knows", _EXPORT
    if start.startswith((b"{", b"[")):
        return _json(data)
    if start.startswith((b"<?php", b"Fatal error", b"Warning:")):
        return "the file is an error of the server", "Export again. " + _EXPORT
    if re.match(rb"(data <- read\.csv|GET DATA|SET UNICODE|\* Encoding|NEW FILE)", start):
        return "the file is a syntax file of R or SPSS, not the data", _EXPORT
    return None


def _zip(data: bytes) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "the file is a damaged zip archive; it was probably cut off", "Export it again."
    if any(name.endswith((".lsr", ".lss")) for name in names) or "xl/workbook.xml" in names:
        return None
    if "word/document.xml" in names:
        return "the file is a document of Word", _EXPORT
    if "content.xml" in names:
        return (
            "the file is a document of LibreOffice",
            "Save it as .xlsx from the spreadsheet, or better: " + _EXPORT,
        )
    inside = ", ".join(names[:3]) or "nothing"
    return f"the file is a zip archive that holds {inside[:80]}", "Unpack it and use what it holds."


def _json(data: bytes) -> tuple[str, str] | None:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return "the file begins as JSON and is damaged or cut off", "Export it again."
    if isinstance(content, dict) and isinstance(content.get("result"), dict | str):
        content = content["result"]
    if isinstance(content, dict) and "responses" in content:
        return None
    if isinstance(content, str):
        return None
    if isinstance(content, dict) and isinstance(content.get("status"), str):
        return (
            f"the file is an answer of RemoteControl that holds no responses: it says "
            f"{content['status'][:80]!r}",
            "Ask for a session key with an account that may export responses, then call "
            "export_responses again (document type csv, completion all, headings code, answers "
            "short).",
        )
    if isinstance(content, dict) and "error" in content:
        return "the file is an error message of a server", "Export again. " + _EXPORT
    if isinstance(content, dict) and "SurveyElements" in content:
        return (
            "the file is the structure of a Qualtrics survey (.qsf), without responses",
            "Choose Data & Analysis > Export & Import > Export Data > CSV.",
        )
    return "the file is JSON of a kind that no reader knows", _EXPORT
