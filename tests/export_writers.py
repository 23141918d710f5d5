"""The same responses as each survey tool writes them, in each setting of its form.

Rows are cells as `limesurvey_rows` has them: the headings of the codebook, then one list of strings
(None where the tool has NULL) per response.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pandas as pd
import pyreadstat

from limesurvey_rows import Rows
from mlsec_survey.instrument.codebook import Codebook, Column
from mlsec_survey.instrument.questionnaire.form import Form
from mlsec_survey.instrument.questionnaire.limesurvey import structure_rows
from mlsec_survey.instrument.questionnaire.lss import structure_lss
from mlsec_survey.instrument.questionnaire.qualtrics import export_codes
from mlsec_survey.responses.readers.structure import Structure

NOT_SHOWN = "{question_not_shown}"
PARADATA_TEXTS = {
    "id": "Response ID",
    "submitdate": "Date submitted",
    "lastpage": "Last page",
    "startlanguage": "Start language",
    "seed": "Seed",
    "token": "Access code",
    "startdate": "Date started",
    "datestamp": "Date last action",
    "refurl": "Referrer URL",
    "interviewtime": "Total time",
}


def _text_of(column: Column, codebook: Codebook, left: str = "[", right: str = "]") -> str:
    """Return a heading in full text, as LimeSurvey puts it together."""
    if column.kind == "timing":
        return f"Group time: Page {column.page}"
    if column.item is None:
        return PARADATA_TEXTS[column.name]
    stem = f"{column.item.label} [{column.item.about}]"
    if column.kind == "other":
        part = "Other"
    elif column.kind == "exclusive":
        meaning = codebook.exclusive_codes(column.item)[column.name.rpartition("[")[2][:-1]]
        none = column.item.none
        part = (
            none.label if meaning == "none" and none else getattr(codebook.missing, meaning).label
        )
    elif column.subquestion is not None:
        part = column.subquestion.label
    else:
        return stem
    return f"{stem} {left}{part}{right}"


def _label(column: Column, code: str | None, codebook: Codebook) -> str | None:
    """Return an answer in full text."""
    if not code or column.kind not in {"single", "array"} or column.item is None:
        return code
    labels = {option.code: option.label for option in codebook.options(column.item)}
    labels |= {kind.code: kind.label for _, kind in codebook.missing.items()}
    return labels[code]


def limesurvey_csv(
    rows: Rows,
    codebook: Codebook,
    *,
    headings: str = "code",
    answers: str = "code",
    separator: str = ",",
    marks: int = 1,
    sep_line: bool = False,
    null: bool = True,
    mask: bool = False,
    convert: tuple[str, str] | None = None,
    decimal: str = ".",
    trailing: bool = False,
    extra: bool = False,
    quoted: bool = True,
    words: Mapping[tuple[str, str], str] | None = None,
) -> bytes:
    """Return responses as CSV in one setting of LimeSurvey's export form."""
    specs = {column.name: column for column in codebook.column_specs}

    def heading(name: str) -> str:
        text = _text_of(specs[name], codebook)
        return {
            "code": name,
            "em": name.replace("[", "_").rstrip("]"),
            "R": name.replace("[", ".").replace("]", "."),
            "lower": name.lower(),
            "codetext": f"{name}. {text}",
            "full": text,
            "underscores": text.replace(" ", "_"),
        }[headings]

    def cell(name: str, text: str | None) -> str | None:
        spec = specs[name]
        if answers == "full":
            if spec.kind in {"multiple", "exclusive"}:
                text = "Yes" if text == "Y" else "No"
            known = (name.split("[")[0], text or "")
            text = words[known] if words and known in words else _label(spec, text, codebook)
        if convert and spec.kind in {"multiple", "exclusive"} and text is not None:
            text = convert[0] if text == "Y" else convert[1]
        if mask and text and text.startswith("="):
            text = f"'{text}"
        if decimal != "." and (spec.kind == "timing" or name == "interviewtime") and text:
            text = text.replace(".", decimal)
        if text is None and not null and spec.kind != "timing":
            text = ""
        return text

    names = [str(name) for name in rows[0]]
    table: Rows = [[heading(name) for name in names]]
    table += [[cell(n, text) for n, text in zip(names, row, strict=True)] for row in rows[1:]]
    if extra:
        more = {
            "INTRO": "",
            "UPL": '[{ "title":"a","filename":"b.png","name":"b.png" }]',
            "UPL[filecount]": "1",
            "firstname": "Ada",
            "attribute_1": "x",
            "participant_id": "p",
            "completed": "N",
            "ipaddr": "127.0.0.1",
            "ROLETime": "3.5",
        }
        table[0] += list(more)
        for row in table[1:]:
            row += list(more.values())

    def written(text: str | None) -> str:
        if text is None:
            return ""
        if not quoted and not set(text) & set(f'{separator}"\n\r') and text == text.strip():
            return text
        return '"' + text.replace('"', '""') + '"'

    end = separator if trailing else ""
    lines = [separator.join(written(text) for text in row) + end for row in table]
    if sep_line:
        lines.insert(0, f"sep={separator}")
    return b"\xef\xbb\xbf" * marks + "\r\n".join([*lines, "", ""]).encode()


def limesurvey_vv(rows: Rows, codebook: Codebook) -> bytes:
    """Return responses as a VV survey file; it has no timings."""
    specs = {column.name: column for column in codebook.column_specs}
    untimed = [specs[str(name)].kind != "timing" and name != "interviewtime" for name in rows[0]]
    kept = [at for at, has in enumerate(untimed) if has]

    def written(text: str | None) -> str:
        if text is None:
            return NOT_SHOWN
        text = text.replace("{", "{lbrace}").replace("\t", "{tab}")
        text = text.replace("\r", "{cr}").replace("\n", "{newline}")
        return '"' + text.replace('"', '""') + '"' if set(text) & set('" ') else text

    names = [str(rows[0][at]) for at in kept]
    lines = [
        "\t".join(written(_text_of(specs[name], codebook, "(", ")")) for name in names),
        "\t".join(name.replace("[", "_").rstrip("]") for name in names),
        *("\t".join(written(row[at]) for at in kept) for row in rows[1:]),
    ]
    return "\n".join([*lines, ""]).encode()


def limesurvey_json(rows: Rows) -> bytes:
    """Return responses as RemoteControl's JSON."""
    names = [str(name) for name in rows[0]]
    responses = [dict(zip(names, row, strict=True)) for row in rows[1:]]
    return json.dumps({"responses": responses}).encode()


def in_base64(content: bytes, *, rpc: bool, lines: bool = False) -> bytes:
    """Return an export as RemoteControl returns it, bare, in lines, or in its JSON-RPC answer."""
    text = (base64.encodebytes if lines else base64.b64encode)(content).decode()
    return json.dumps({"id": 1, "result": text, "error": None}).encode() if rpc else text.encode()


def limesurvey_archive(
    rows: Rows, form: Form, structure_of: Callable[[bytes], Structure], **changes: str
) -> bytes:
    """Return responses as a survey archive, its structure from this project's questionnaire.

    Args:
        rows: responses.
        form: the questionnaire.
        structure_of: reads a structure, to know the names of the database's columns.
        changes: of settings of the survey.
    """
    lss = structure_lss(structure_rows(form))
    structure = structure_of(lss)
    fields = {heading: field for field, heading in reversed(structure.fields().items())}
    times = {heading: field for field, heading in reversed(structure.timing_fields().items())}
    names = [str(name) for name in rows[0]]
    answers = [name for name in names if name not in times]
    spent = [name for name in names if name in times]

    def part(kind: str, kept: list[str], known: dict[str, str]) -> bytes:
        tags = {name: known.get(name, name) for name in ["id", *kept]}
        lines = [f"<document><LimeSurveyDocType>{kind}</LimeSurveyDocType><x><fields>"]
        lines += [f"<fieldname>{tags[name]}</fieldname>" for name in ["id", *kept]]
        lines.append("</fields><rows>")
        for row in rows[1:]:
            cells = dict(zip(names, row, strict=True))
            lines.append("<row>")
            for name in dict.fromkeys(["id", *kept]):
                text, tag = cells[name], tags.get(name, name)
                tag = f"_{tag}" if tag[0].isdigit() else tag
                if text == "":
                    lines.append(f"<{tag}/>")
                elif text is not None:
                    lines.append(f"<{tag}>{escape(text)}</{tag}>")
            lines.append("</row>")
        lines.append("</rows></x></document>")
        return "".join(lines).encode()

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for old, new in changes.items():
            lss = lss.replace(old.encode(), new.encode())
        archive.writestr("survey_1.lss", lss)
        kept = [name for name in answers if name != "id"]
        archive.writestr("survey_1_responses.lsr", part("Responses", kept, fields))
        archive.writestr("survey_1_timings.lsi", part("Timings", spent, times))
        archive.writestr("survey_1_tokens.lst", b"never opened, and no XML at all")
    return stream.getvalue()


def qualtrics_csv(rows: Rows, form: Form, *, texts: bool = False, legacy: bool = False) -> bytes:
    """Return responses as Qualtrics exports this project's questionnaire.

    What Qualtrics does not keep by itself (the last page, the seed, times of pages, the number of
    the response) is in fields of embedded data under the names of the codebook.
    """
    codes = export_codes(form)
    column_of = {name: column for column, _, name, _ in codes}
    number_of = {(name, code): number for _, number, name, code in codes if number}
    own = {
        "startdate": "StartDate",
        "datestamp": "EndDate",
        "interviewtime": "Duration (in seconds)",
        "startlanguage": "UserLanguage",
        "token": "ExternalReference",
    }
    if legacy:
        own |= {"startdate": "V8", "datestamp": "V9", "token": "V4"}
    words = {
        (question.code, answer.code): answer.words["en"]
        for question in form.questions()
        for answer in question.answers
    }
    boxes = {
        f"{question.code}[{row.code}]": row.words["en"]
        for question in form.questions()
        for row in question.rows
    }
    names = [str(name) for name in rows[0] if name not in {"submitdate", "refurl"}]
    place = {name: list(rows[0]).index(name) for name in [*names, "submitdate"]}
    header = [own.get(name, column_of.get(name, name)) for name in names]
    flag = "V10" if legacy else "Finished"
    table = [[*header, flag, "IPAddress", *(["V1"] if legacy else ["ResponseId", "Status"])]]
    table.append([f"text of {name}" for name in table[0]])
    if not legacy:
        table.append([f'{{"ImportId":"{name}"}}' for name in table[0]])
    for number, row in enumerate(rows[1:]):
        cells = []
        for name in names:
            text = row[place[name]] or ""
            if name == "startlanguage":
                text = text.upper()
            elif texts and text == "Y" and name in boxes:
                text = boxes[name]
            elif texts and (name.split("[")[0], text) in words:
                text = words[name.split("[")[0], text]
            elif texts and text == "-oth-":
                text = form.wordings["en"].words.other
            elif not texts and text:
                text = number_of.get((name, text), text)
            cells.append(text)
        done = bool(row[place["submitdate"]])
        finished = str(done) if texts else str(int(done))
        record = [f"R_{number}"] if legacy else [f"R_{number}", "IP Address" if texts else "0"]
        table.append([*cells, finished, "192.0.2.1", *record])
    lines = [",".join('"' + text.replace('"', '""') + '"' for text in row) for row in table]
    return b"\xef\xbb\xbf" + ("\n".join(lines) + "\n").encode()


def sosci_csv(rows: Rows, codebook: Codebook) -> tuple[bytes, dict[str, str]]:
    """Return responses as SoSci Survey's CSV, and which of its variables is which column."""
    own = {
        "id": "CASE",
        "token": "SERIAL",
        "startdate": "STARTED",
        "datestamp": "LASTDATA",
        "lastpage": "LASTPAGE",
        "startlanguage": "LANGUAGE",
        "interviewtime": "TIME_SUM",
    }
    specs = {column.name: column for column in codebook.column_specs}
    header: list[str] = []
    names: list[str] = []
    for at, heading in enumerate(rows[0]):
        name = str(heading)
        spec = specs[name]
        if spec.kind == "timing":
            header.append(f"TIME{spec.page:03d}")
        elif name in own:
            header.append(own[name])
        elif name in {"submitdate", "refurl"}:
            continue
        else:
            header.append(f"A{at:03d}")
        names.append(name)
    columns = {head: name for head, name in zip(header, names, strict=True) if head.startswith("A")}

    def cell(spec: Column, text: str | None) -> str:
        if spec.item is None or spec.kind in {"text", "other"}:
            return text or ""
        if spec.kind in {"multiple", "exclusive"}:
            return "" if text is None else ("2" if text == "Y" else "1")
        if text is None:
            return ""
        order = [option.code for option in codebook.options(spec.item)]
        order += [getattr(codebook.missing, kind).code for kind in spec.item.missing]
        return str(order.index(text) + 1) if text else "-9"

    place = {str(name): at for at, name in enumerate(rows[0])}
    table = [[*header, "FINISHED", "QUESTNNR", "MODE"]]
    table.append([f"label of {name}" for name in table[0]])
    for row in rows[1:]:
        cells = [cell(specs[name], row[place[name]]) for name in names]
        done = "1" if row[place["submitdate"]] else "0"
        table.append([*cells, done, "base", "interview"])
    lines = [";".join('"' + text.replace('"', '""') + '"' for text in row) for row in table]
    return "\r\n".join([*lines, ""]).encode(), columns


def spss_sav(rows: Rows, codebook: Codebook, path: Path) -> bytes:
    """Return responses as SPSS's .sav, answers as numbers with value labels, some user-missing."""
    specs = {column.name: column for column in codebook.column_specs}
    frame: dict[str, object] = {}
    labels: dict[str, dict[float, str]] = {}
    missing: dict[str, list[float]] = {}
    for at, heading in enumerate(rows[0]):
        spec = specs[str(heading)]
        name = str(heading).replace("[", "_").rstrip("]")
        cells = [row[at] or "" for row in rows[1:]]
        if spec.kind in {"single", "array"} and spec.item is not None:
            numbers = {o.code: float(n) for n, o in enumerate(codebook.options(spec.item), start=1)}
            labels[name] = {numbers[o.code]: o.label for o in codebook.options(spec.item)}
            for number, kind in enumerate(spec.item.missing, start=98):
                numbers[getattr(codebook.missing, kind).code] = float(number)
                labels[name][float(number)] = getattr(codebook.missing, kind).label
                missing.setdefault(name, []).append(float(number))
            frame[name] = [numbers[text] if text else None for text in cells]
        elif spec.kind in {"multiple", "exclusive"}:
            frame[name] = [1.0 if text == "Y" else 0.0 for text in cells]
            labels[name] = {0.0: "No", 1.0: "Yes"}
        else:
            frame[name] = cells
    pyreadstat.write_sav(
        pd.DataFrame(frame),
        str(path),
        variable_value_labels=labels,
        missing_ranges={name: list(values) for name, values in missing.items()},
    )
    return path.read_bytes()


def excel(rows: Rows) -> bytes:
    """Return responses as a workbook, numbers and dates as such."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([str(name) for name in rows[0]])
    numeric = [str(name) in {"id", "lastpage", "seed", "interviewtime"} for name in rows[0]]
    numeric = [
        known or str(name).startswith("groupTime")
        for known, name in zip(numeric, rows[0], strict=True)
    ]
    for row in rows[1:]:
        for_row: list[object] = []
        for text, number, name in zip(row, numeric, rows[0], strict=True):
            if text and number:
                for_row.append(float(text) if "." in text else int(text))
            elif text and str(name) in {"submitdate", "startdate", "datestamp"}:
                for_row.append(pd.Timestamp(text).to_pydatetime())
            else:
                for_row.append(text or None)
        sheet.append(for_row)
    # What begins as a formula is a text here, as it is for people who type it.
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.data_type == "f":
                cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def labelled_csv(rows: Rows, codebook: Codebook) -> bytes:
    """Return responses under the names of the analysis file's variables, answers as labels."""
    specs = {column.name: column for column in codebook.column_specs}
    header = []
    for name in rows[0]:
        spec = specs[str(name)]
        code = spec.name.rpartition("[")[2][:-1].lower()
        exclusive = f"{spec.variable}__{code}"
        own = spec.kind == "timing"
        header.append(
            spec.name if own else exclusive if spec.kind == "exclusive" else spec.variable
        )
    table: Rows = [[*header]]
    for row in rows[1:]:
        cells: list[str | None] = []
        for name, text in zip(rows[0], row, strict=True):
            spec = specs[str(name)]
            if spec.kind in {"multiple", "exclusive"}:
                cells.append("Yes" if text == "Y" else "No")
            else:
                cells.append(_label(spec, text, codebook) or "")
        table.append(cells)
    frame = pd.DataFrame(table[1:], columns=table[0])
    return frame.to_csv(index=False).encode()


def parquet(rows: Rows) -> bytes:
    """Return responses as a Parquet file."""
    frame = pd.DataFrame(rows[1:], columns=[str(name) for name in rows[0]], dtype="str")
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()
