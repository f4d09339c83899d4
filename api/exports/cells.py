"""A CSV file as its cells, so that some can be written and every other byte stays as it was."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from api.errors import ServiceError
from assessor.report.tables import harmless

BOM = "\ufeff"
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(slots=True)
class Sheet:
    """Rows of cells as they stand in the file, quotes included, and what stands between and after them.

    A file is put together again by `bytes()`; a cell that nobody wrote is byte for byte the same.
    """

    raw: list[list[str]]
    ends: list[str]
    delimiter: str
    start: str

    def __bytes__(self) -> bytes:
        rows = (self.delimiter.join(row) + end for row, end in zip(self.raw, self.ends, strict=True))
        return (self.start + "".join(rows)).encode()

    def text(self, row: int, column: int) -> str:
        """What a cell says; "" beyond the row's end."""
        cells = self.raw[row]
        return unquoted(cells[column]) if column < len(cells) else ""

    def header(self) -> list[str]:
        return [unquoted(cell) for cell in self.raw[0]]

    def write(self, row: int, column: int, text: str) -> None:
        """Quoted where it was or must be; a formula quoted off."""
        before = self.raw[row][column]
        text = harmless(text)
        must = any(sign in text for sign in (self.delimiter, '"', "\n", "\r")) or text != text.strip()
        quoted = before.startswith('"') or must
        self.raw[row][column] = '"' + text.replace('"', '""') + '"' if quoted else text


def unquoted(cell: str) -> str:
    if cell.startswith('"') and cell.endswith('"') and len(cell) > 1:
        return cell[1:-1].replace('""', '"')
    return cell


def parse(data: bytes) -> Sheet:
    """A CSV file with comma, semicolon or tab; ServiceError gradebook_unreadable."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise unreadable("it is not UTF-8 text") from exc
    start = BOM if text.startswith(BOM) else ""
    text = text.removeprefix(BOM)
    if "\x00" in text or not text.strip():
        raise unreadable("it is empty or not text")
    delimiter = _delimiter(text)
    sheet = Sheet([], [], delimiter, start)
    row: list[str] = []
    at = 0
    plain = re.compile(f"[^{re.escape(delimiter)}\r\n]*")
    while at < len(text):
        quoted = _QUOTED.match(text, at) if text[at] == '"' else None
        if text[at] == '"' and quoted is None:
            raise unreadable("a quote is not closed")
        found = quoted or plain.match(text, at)
        assert found is not None
        cell = found.group()
        at = found.end()
        if quoted and at < len(text) and text[at] not in (delimiter, "\r", "\n"):
            raise unreadable("text follows a closing quote")
        row.append(cell)
        if at < len(text) and text[at] == delimiter:
            at += 1
            if at == len(text) or text[at] in "\r\n":
                row.append("")
            else:
                continue
        end = "\r\n" if text.startswith("\r\n", at) else text[at : at + 1]
        at += len(end)
        sheet.raw.append(row)
        sheet.ends.append(end)
        row = []
    if row:
        sheet.raw.append(row)
        sheet.ends.append("")
    return sheet


def _delimiter(text: str) -> str:
    """The one that cuts the header into most cells."""
    line = text.splitlines()[0]
    return max(",;\t", key=lambda sign: len(next(csv.reader([line], delimiter=sign), [])))


def unreadable(why: str) -> ServiceError:
    return ServiceError(
        "gradebook_unreadable",
        f"The grade book cannot be read: {why}",
        "Send the CSV as Moodle or Canvas gave it, not saved again by a spreadsheet program.",
    )
