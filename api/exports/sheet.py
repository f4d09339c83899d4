"""The class's table and summary as a workbook."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from api.exports import clips, table
from api.store.exports import Graded
from api.store.summaries import ClassSummary
from assessor.report.tables import Cell, harmless
from assessor.rubric.words import LABELS

BINS = 10
HEAD_ROWS = 1


def to_xlsx(graded: Iterable[Graded], summary: ClassSummary, title: str) -> bytes:
    """Sheets "Grades" (a row a submission), "Class" (states, distribution, metrics, faults) and, where there
    are any, "Clips" (a row a clip and hand)."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet("Grades")
    sheet.freeze_panes(HEAD_ROWS, 2)
    sheet.set_column(0, 0, 11)
    sheet.set_column(1, 1, 26)
    _write(sheet, 0, table.COLUMNS, bold)
    count = 0
    of_clips: list[dict[str, Cell]] = []
    for count, one in enumerate(graded, 1):
        of_clips += clips.rows([one])
        cells = table.row(one)
        _write(sheet, count, [cells.get(column) for column in table.COLUMNS])
    sheet.autofilter(0, 0, count, len(table.COLUMNS) - 1)
    _class(book, summary, title, bold)
    if of_clips:
        sheet = book.add_worksheet("Clips")
        sheet.freeze_panes(HEAD_ROWS, 2)
        _write(sheet, 0, clips.COLUMNS, bold)
        for at, line in enumerate(of_clips, HEAD_ROWS):
            _write(sheet, at, [line.get(column) for column in clips.COLUMNS])
    book.close()
    return out.getvalue()


def _class(book: Any, summary: ClassSummary, title: str, bold: Any) -> None:
    sheet = book.add_worksheet("Class")
    sheet.set_column(0, 0, 34)
    rows: list[tuple[Sequence[Cell], bool]] = [((title,), True), ((), False)]
    rows += [((state, n), False) for state, n in summary.states.items()]
    rows += [((), False), (("score, % of points", "submissions"), True)]
    first = len(rows)
    rows += [((label, n), False) for label, n in histogram(summary.shares)]
    rows += [((), False), (("measure", "n", "lowest", "median", "highest"), True)]
    for name, values in sorted(summary.metrics.items()):
        ordered = sorted(values)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        rows.append(((LABELS.get(name, name), len(ordered), ordered[0], middle, ordered[-1]), False))
    rows += [((), False), (("commonest faults", "submissions"), True)]
    rows += [((code, n), False) for code, n in most(summary.hints)]
    rows += [((), False), (("refused for", "submissions"), True)]
    rows += [((code, n), False) for code, n in most(summary.refusals)]
    rows += [((), False), (("broke down", "submissions"), True)]
    rows += [((code, n), False) for code, n in most(summary.failures)]
    for at, (cells, is_head) in enumerate(rows):
        _write(sheet, at, cells, bold if is_head else None)
    chart = book.add_chart({"type": "column"})
    last = first + BINS - 1
    chart.add_series(
        {"categories": ["Class", first, 0, last, 0], "values": ["Class", first, 1, last, 1], "gap": 10}
    )
    chart.set_legend({"none": True})
    chart.set_x_axis({"name": "score, % of points"})
    chart.set_y_axis({"name": "submissions", "major_gridlines": {"visible": False}})
    sheet.insert_chart("G2", chart)


def histogram(shares: Iterable[float]) -> list[tuple[str, int]]:
    """How many shares (0 to 1) lie in each tenth; the last holds 1."""
    counts = [0] * BINS
    for share in shares:
        counts[min(BINS - 1, max(0, int(share * BINS)))] += 1
    width = 100 // BINS
    return [(f"{at * width} to {(at + 1) * width}", n) for at, n in enumerate(counts)]


def most(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The commonest first."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _write(sheet: Any, at: int, cells: Sequence[Cell], style: Any = None) -> None:
    for column, value in enumerate(cells):
        if isinstance(value, str):
            sheet.write_string(at, column, harmless(value)[:32_767], style)  # Excel's longest
        elif value is not None:
            sheet.write_number(at, column, value, style)
