"""Moodle's grading worksheet and Canvas's grade book, filled in: the file that the instructor exported, with
grades written into it and nothing else touched.

Moodle translates its column names, so columns are found by what stands in them where the English name is not
there: the first column ends in the participant's number, and the grade stands left of the one column that
says the same number for everybody, the maximum. Canvas's columns of assignments end in a number in brackets,
and a row without an ID says how many points there are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from api.errors import ServiceError
from api.exports.cells import Sheet, parse, unreadable
from api.store.exports import Graded

_PARTICIPANT = re.compile(r"\D*?(\d+)\s*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_CANVAS_COLUMN = re.compile(r".+\((\d+)\)")
# What a Canvas cell says of somebody who gets no points.
_NO_POINTS = frozenset({"EX", "N/A"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What a student gets: a share of the points (None: nothing to enter) and a comment."""

    submission_id: int
    share: float | None
    comment: str
    number: str | None
    email: str | None


@dataclass(slots=True)
class Filled:
    """The file with its grades, and what was done. `not_found`: submissions whose student is not in it."""

    kind: Literal["moodle", "canvas"]
    column: str
    feedback_column: str | None
    data: bytes = b""
    filled: int = 0
    replaced: int = 0
    locked: int = 0
    without_grade: list[int] = field(default_factory=list)
    not_found: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where things stand in a file; `most` and `number` tell a row's maximum and its student's number."""

    kind: Literal["moodle", "canvas"]
    rows: Sequence[int]
    column: int
    feedback: int | None
    number: Callable[[int], str | None]
    most: Callable[[int], str]
    locked: Callable[[int], bool]


def entries(graded: Iterable[Graded]) -> list[Entry]:
    """One a student: of several submissions the last that has a grade, else the last."""
    found: dict[object, Entry] = {}
    for one in graded:
        subject = one.row.submission
        whose = subject.person_id or subject.participant_id or subject.participant
        key: object = (type(whose), whose) if whose else ("submission", subject.id)
        entry = Entry(subject.id, one.share, comment(one), subject.participant_id, one.email)
        if entry.share is not None or key not in found or found[key].share is None:
            found[key] = entry
    return list(found.values())


def comment(one: Graded) -> str:
    """Hints of the wound that the grade is about, or why there is none; an override's reason."""
    from api.store.digest import main_wound

    document = one.document or {}
    at = main_wound(document)
    said = [hint["text"] for hint in document["wounds"][at]["hints"]] if at is not None else []
    if "error" in document:
        said = [document["error"]["text"], document["error"]["hint"]]
    if one.row.override is not None:
        said.insert(0, one.row.override.reason)
    return " ".join(" ".join(said).split())


def fill(
    data: bytes,
    given: Sequence[Entry],
    title: str,
    *,
    column: str | None = None,
    feedback_column: str | None = None,
    feedback: bool = True,
) -> Filled:
    """Write `given` into an exported file. `title` is the assignment's, for Canvas's column.

    ServiceError gradebook_unreadable, or gradebook_column with the header's columns where one is not found.
    """
    sheet = parse(data)
    kind = _kind(sheet)
    plan = (_moodle if kind == "moodle" else _canvas)(sheet, title, column, feedback_column)
    header = sheet.header()
    comments = plan.feedback if feedback else None
    out = Filled(kind, header[plan.column], header[comments] if comments is not None else None)
    find = _finder(given)
    met: set[int] = set()
    for row in plan.rows:
        entry = find(plan.number(row), _addresses(sheet, row))
        if entry is None or plan.column >= len(sheet.raw[row]):
            continue
        met.add(entry.submission_id)
        if entry.share is None:
            out.without_grade.append(entry.submission_id)
            continue
        before = sheet.text(row, plan.column).strip()
        if plan.locked(row) or before in _NO_POINTS:
            out.locked += 1
            continue
        grade = _grade(entry.share, plan.most(row))
        out.filled += 1
        if not _same(before, grade):
            out.replaced += before != ""
            sheet.write(row, plan.column, grade)
        if comments is not None and comments < len(sheet.raw[row]) and entry.comment:
            sheet.write(row, comments, html.escape(entry.comment, quote=False))
    out.not_found = [entry.submission_id for entry in given if entry.submission_id not in met]
    out.data = bytes(sheet)
    return out


def _kind(sheet: Sheet) -> Literal["moodle", "canvas"]:
    if any(_CANVAS_COLUMN.fullmatch(name) for name in sheet.header()):
        return "canvas"
    numbers = [sheet.text(row, 0) for row in _filled_rows(sheet)]
    if numbers and all(_PARTICIPANT.fullmatch(text) for text in numbers):
        return "moodle"
    raise unreadable("it is neither a grading worksheet of Moodle nor a grade book of Canvas")


def _moodle(sheet: Sheet, title: str, column: str | None, feedback_column: str | None) -> _Plan:
    rows = _filled_rows(sheet)
    most = _by_name(sheet, "Maximum Grade")
    if most is None:
        same = [at for at in range(1, len(sheet.header())) if _one_number(sheet, rows, at)]
        most = same[0] if len(same) == 1 else None
    grade = _by_name(sheet, column or "Grade")
    if grade is None and column is None and most is not None and most > 1:
        grade = most - 1
    if grade is None or most is None:
        raise _no_column(sheet, column)
    changeable = _by_name(sheet, "Grade can be changed")
    return _Plan(
        "moodle",
        rows,
        grade,
        _feedback(sheet, feedback_column),
        number=lambda row: _number(sheet.text(row, 0)),
        most=lambda row: sheet.text(row, most),
        locked=lambda row: changeable is not None and sheet.text(row, changeable) == "No",
    )


def _canvas(sheet: Sheet, title: str, column: str | None, feedback_column: str | None) -> _Plan:
    header = sheet.header()
    chosen = [
        at
        for at, name in enumerate(header)
        if _CANVAS_COLUMN.fullmatch(name)
        and (name == column if column else name.rpartition(" (")[0].casefold() == title.casefold())
    ]
    id_column = _by_name(sheet, "ID")
    if id_column is None:  # translated; it stands behind one column of names, or two
        numeric = (at for at in range(1, min(4, len(header))) if _one_column_of_numbers(sheet, at))
        id_column = next(numeric, None)
    if len(chosen) != 1 or id_column is None:
        raise _no_column(sheet, column)
    students = [row for row in _filled_rows(sheet) if sheet.text(row, id_column).strip()]
    others = [row for row in _filled_rows(sheet) if not sheet.text(row, id_column).strip()]
    points = [text for row in others if _NUMBER.fullmatch(text := sheet.text(row, chosen[0]).strip())]
    if len(points) != 1:
        raise unreadable("it does not say how many points there are")
    return _Plan(
        "canvas",
        students,
        chosen[0],
        None,
        number=lambda row: sheet.text(row, id_column).strip(),
        most=lambda row: points[0],
        locked=lambda row: False,
    )


def _grade(share: float, most: str) -> str:
    """A share of the file's maximum, with two decimals and the file's decimal mark."""
    text = most.strip()
    if not _NUMBER.fullmatch(text):
        raise unreadable(f"the maximum grade is {text[:20]!r}, no number; scales cannot be filled in")
    grade = f"{share * float(text.replace(',', '.')):.2f}"
    return grade.replace(".", ",") if "," in text else grade


def _same(before: str, grade: str) -> bool:
    """Whether a cell says that grade already, in its own way."""
    plain = before.replace(",", ".")
    return bool(_NUMBER.fullmatch(before)) and float(plain) == float(grade.replace(",", "."))


def _finder(given: Sequence[Entry]) -> Callable[[str | None, set[str]], Entry | None]:
    by_number = _unique((entry.number, entry) for entry in given)
    by_email = _unique((entry.email.casefold() if entry.email else None, entry) for entry in given)

    def find(number: str | None, addresses: set[str]) -> Entry | None:
        if number in by_number:
            return by_number[number]
        found = [by_email[address] for address in addresses if address in by_email]
        return found[0] if len(found) == 1 else None

    return find


def _unique(pairs: Iterable[tuple[str | None, Entry]]) -> Mapping[str | None, Entry]:
    """What is known by one key only once."""
    found: dict[str | None, list[Entry]] = {}
    for key, entry in pairs:
        if key:
            found.setdefault(key, []).append(entry)
    return {key: entries_[0] for key, entries_ in found.items() if len(entries_) == 1}


def _addresses(sheet: Sheet, row: int) -> set[str]:
    cells = (sheet.text(row, at).strip().casefold() for at in range(len(sheet.raw[row])))
    return {text for text in cells if "@" in text and " " not in text}


def _filled_rows(sheet: Sheet) -> list[int]:
    return [row for row in range(1, len(sheet.raw)) if any(cell for cell in sheet.raw[row])]


def _number(text: str) -> str | None:
    found = _PARTICIPANT.fullmatch(text)
    return found[1] if found else None


def _one_number(sheet: Sheet, rows: Sequence[int], column: int) -> bool:
    texts = {sheet.text(row, column).strip() for row in rows}
    return len(texts) == 1 and bool(_NUMBER.fullmatch(next(iter(texts))))


def _one_column_of_numbers(sheet: Sheet, column: int) -> bool:
    texts = [text for row in _filled_rows(sheet) if (text := sheet.text(row, column).strip())]
    return bool(texts) and all(text.isdigit() for text in texts)


def _by_name(sheet: Sheet, name: str) -> int | None:
    header = sheet.header()
    return header.index(name) if header.count(name) == 1 else None


def _feedback(sheet: Sheet, name: str | None) -> int | None:
    found = _by_name(sheet, name or "Feedback comments")
    if found is None and name:
        raise _no_column(sheet, name)
    return found


def _no_column(sheet: Sheet, name: str | None) -> ServiceError:
    names = ", ".join(repr(text[:60]) for text in sheet.header() if text)
    what = f"has no column {name[:60]!r}" if name else "does not tell which column is meant"
    return ServiceError(
        "gradebook_column", f"The grade book {what}", f"Name one as `column`. There are: {names[:900]}."
    )
