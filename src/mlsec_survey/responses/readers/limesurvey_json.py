"""What LimeSurvey's RemoteControl returns: JSON, or any export in base64 as it came."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mlsec_survey.base.errors import InputError
from mlsec_survey.instrument.manifest import Reading
from mlsec_survey.responses.readers.limesurvey import VOCABULARY, unmasked
from mlsec_survey.responses.readers.registry import Recognition, recognise, register
from mlsec_survey.responses.readers.table import Table, categories

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{60,}[A-Za-z0-9+/\s]*={0,2}\s*")
# How such a file begins: base64 (in lines of 64, 76 or all letters), or a JSON-RPC answer with it.
_BASE64_START = re.compile(rb"\"?[A-Za-z0-9+/]{60}|\{")


class LimeSurveyJson:
    """Responses from RemoteControl's export_responses, or exported as JSON from the form."""

    format = "limesurvey-json"
    title = "LimeSurvey JSON"
    better = (
        "Call export_responses with document type csv, completion status all, heading type code "
        "and response type short; timings come only with the export form or the survey archive."
    )
    vocabulary = VOCABULARY

    def recognise(self, data: bytes) -> Recognition:
        """See `Reader`."""
        inner = _wrapped(data)
        if inner is not None:
            return Recognition(0.95, "an export in base64, as RemoteControl returns it")
        start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
        if start.startswith(b"{") and b'"responses"' in start:
            return Recognition(0.95, "JSON with responses")
        return Recognition(0.0, "no JSON with responses, no base64")

    def read(self, data: bytes, path: Path, reading: Reading) -> Table:
        """See `Reader`."""
        inner = _wrapped(data)
        if inner is not None:
            reader, _ = recognise(inner, path)
            table = reader.read(inner, path, reading)
            return replace(table, settings=(reader.title, "in base64", *table.settings))
        try:
            content = json.loads(data.decode("utf-8-sig"))
            responses = _responses(content["responses"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                "the file is JSON without a list of responses",
                file=path,
                remedy=self.better,
            ) from None
        headings = list(dict.fromkeys(name for response in responses for name in response))
        lacking = next(
            (at for at, response in enumerate(responses) if len(response) != len(headings)), None
        )
        if lacking is not None:
            raise InputError(
                "the response has other columns than the others",
                file=path,
                row=lacking + 1,
                column=next(name for name in headings if name not in responses[lacking]),
                remedy="Export again in one call; the file was probably joined from several.",
            )
        cells = {
            at: categories([_text(response[name]) for response in responses])
            for at, name in enumerate(headings)
        }
        index = pd.RangeIndex(1, len(responses) + 1, name="response")
        return unmasked(Table(tuple(headings), pd.DataFrame(cells, index=index), "maybe"))


def _wrapped(data: bytes) -> bytes | None:
    """Return what stands in the file as base64, plain, quoted or in a JSON-RPC answer."""
    if _BASE64_START.match(data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")) is None:
        return None
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    text: Any = start
    if start.startswith((b"{", b'"')):
        if start.startswith(b"{") and b'"result"' not in start[:200] + start[-200:]:
            return None
        try:
            text = json.loads(start)
        except (ValueError, RecursionError):
            return None
        text = text.get("result") if isinstance(text, dict) else text
        if not isinstance(text, str):
            return None
        text = text.encode("ascii", errors="replace")
    if _BASE64.fullmatch(text) is None:
        return None
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return None


def _responses(content: Any) -> list[dict[str, Any]]:
    """Return one dictionary per response; older versions wrap each in its number."""
    entries = content.values() if isinstance(content, dict) else content
    responses: list[dict[str, Any]] = []
    for entry in entries:
        inner = list(entry.values())
        if len(inner) == 1 and isinstance(inner[0], dict):
            entry = inner[0]
        responses.append(dict(entry))
    return responses


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n")
    return json.dumps(value)


register(LimeSurveyJson())
