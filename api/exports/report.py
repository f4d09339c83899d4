"""Reports as PDF: one trainee's page, and a class on a few."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from api import motion_words
from api.broken import why
from api.exports.sheet import histogram, most
from api.motion_words import by_hand
from api.store.digest import main_wound
from api.store.exports import Graded
from api.store.models import Kind
from api.store.motion_digest import motion_metrics
from api.store.submissions import State
from api.store.summaries import ClassSummary
from assessor.results import Target
from assessor.rubric.words import LABELS, aim, number, percent

# Debian's fonts-dejavu-core has the letters of all of Europe, fonts-wqy-zenhei those of China, Japan and
# Korea. Without them western Europe's only.
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
_ZENHEI = Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc")
FONT, BOLD, EAST = "Report", "Report-Bold", "Report-East"
INK, FAINT, LINE, BAR = "#1b2733", "#5c6b7a", "#d5dce3", "#2f6f8f"
CLIP_FOOT = "Motion of instrument tips, from a clip. For training; not for patients or credentialing."
NO_MARK = (
    "There is no rubric for motion, so the assessor gives no points for it: an instructor may. Path and time "
    "say how much was done, not how well."
)
_NO_GRADE: dict[tuple[Kind, State], str] = {
    ("photo", "waiting"): "No grade: not graded yet",
    ("photo", "graded"): "No grade: too little could be measured",
    ("photo", "refused"): "No grade: the photo could not be graded",
    ("photo", "failed"): "No grade: grading broke down",
    ("photo", "cancelled"): "No grade: stopped before it was graded",
    ("clip", "waiting"): "Not measured yet",
    ("clip", "graded"): "Measured, not marked",
    ("clip", "refused"): "The clip could not be measured",
    ("clip", "failed"): "Measuring broke down",
    ("clip", "cancelled"): "Stopped before it was measured",
}
FOOT = "Surface geometry of a practice pad, from a photo. For training; not for patients or credentialing."


def trainee_pdf(one: Graded, picture: bytes | None) -> bytes:
    """A submission's page: picture, grade, measures with their doubled sd, hints; its override's reason.

    `picture`: the overlay as JPEG, left away where there is none.
    """
    from reportlab.platypus import Image, Paragraph, Spacer

    styles = _styles()
    parts: list[Any] = [
        Paragraph(_text(one.title), styles["title"]),
        Paragraph(f"{_text(one.name)} · handed in {one.row.submission.created_at:%d %B %Y}", styles["faint"]),
        Spacer(1, 8),
    ]
    if picture is not None:
        image = Image(io.BytesIO(picture))
        image._restrictSize(480, 300)
        image.hAlign = "LEFT"
        parts += [image, Spacer(1, 10)]
    parts += [Paragraph(_grade(one), styles["grade"])]
    if one.row.override is not None:
        reason = _text(one.row.override.reason).replace("\n", "<br/>")
        parts += [Paragraph(f"<b>Changed by the instructor:</b> {reason}", styles["body"])]
    document = one.document or {}
    at = main_wound(document)
    if one.row.fault is not None:
        parts += [Paragraph(_text(" ".join(why(one.row.fault))), styles["body"])]
    elif one.row.result is None:
        pass
    elif "error" in document:
        error = document["error"]
        parts += [Paragraph(_text(f"{error['text']} {error['hint']}"), styles["body"])]
    elif "tips" in document:
        parts += _motion(document, styles)
    elif at is None:
        parts += [Paragraph("No wound was found on the photo.", styles["body"])]
    else:
        parts += _wound(document["wounds"][at], styles)
    for warning in document.get("warnings", ()):
        parts += [Paragraph(_text(warning["text"]), styles["faint"])]
    return _built(parts, f"{one.title}: {one.name}", _provenance(one))


def class_pdf(graded: Iterable[Graded], summary: ClassSummary, title: str) -> bytes:
    """Distribution, commonest faults, spread of the measures, and a line for each submission."""
    from reportlab.platypus import Paragraph, Spacer

    styles = _styles()
    states = ", ".join(f"{n} {state}" for state, n in summary.states.items() if n)
    parts: list[Any] = [
        Paragraph(_text(title), styles["title"]),
        Paragraph(states or "nothing handed in yet", styles["faint"]),
        Spacer(1, 8),
    ]
    if summary.shares:
        parts += [Paragraph("Score, % of points", styles["head"]), _bars(histogram(summary.shares))]
    faults = [(code.replace("_", " "), n) for code, n in most(summary.hints) if code != "well_done"][:8]
    if faults:
        parts += [Paragraph("Commonest faults", styles["head"]), _bars(faults)]
    if summary.metrics:
        rows = [["", "n", "lowest", "median", "highest"]]
        for name, values in summary.metrics.items():
            if name in LABELS:
                ordered = sorted(values)
                middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
                cells = [number(v) for v in (ordered[0], middle, ordered[-1])]
                rows.append([_label(name), str(len(ordered)), *cells])
        parts += [Paragraph("Measures", styles["head"]), _table(rows, styles, (190, 40, 70, 70, 70))]
    lines = [["", "technique", "points", "", "hints"]]
    lines += [_line(one) for one in graded]
    parts += [Paragraph("Submissions", styles["head"]), _table(lines, styles, (150, 95, 65, 45, 160))]
    return _built(parts, title, FOOT)


def _grade(one: Graded) -> str:
    points = one.points
    if points is None:
        return _NO_GRADE[one.row.submission.kind, one.row.state]
    return f"{number(points[0])} of {number(points[1])} points ({percent(points[0] / points[1])})"


def _wound(wound: dict[str, Any], styles: dict[str, Any]) -> list[Any]:
    from reportlab.platypus import Paragraph, Spacer

    rows = [["", "measured", "target", "points"]]
    unmeasured = []
    for name, metric in wound["metrics"].items():
        if metric["status"] == "measured":
            value = f"{number(metric['value'])} ± {number(2 * metric['sd'])} {_unit(metric)}".strip()
            target = aim(Target(**metric["target"]), _unit(metric)) if metric["target"] else ""
            got = metric["points"]
            of = metric["target"]["weight"] if metric["target"] else None
            points = f"{number(got)} of {number(of)}" if got is not None and of else ""
            rows.append([_label(name), value, target, points])
        elif metric["target"] is not None:
            unmeasured.append(f"{_label(name)} ({metric['status'].replace('_', ' ')})")
    parts: list[Any] = [Paragraph(_text(hint["text"]), styles["body"]) for hint in wound["hints"]]
    parts += [
        Spacer(1, 6),
        Paragraph(f"Measures: {_text(wound['technique']['name'].replace('_', ' '))}", styles["head"]),
        _table(rows, styles, (190, 130, 120, 75)),
    ]
    if unmeasured:
        text = "Not measured, and so without influence on the grade: " + ", ".join(unmeasured) + "."
        parts += [Spacer(1, 4), Paragraph(_text(text), styles["faint"])]
    return parts


def _motion(document: dict[str, Any], styles: dict[str, Any]) -> list[Any]:
    """A clip's measures, a column a hand."""
    from reportlab.platypus import Paragraph, Spacer

    hands = by_hand({row.name: row for row in motion_metrics(document)})
    if not hands:
        return [Paragraph("No instrument tip was followed.", styles["body"])]
    names = [name for name in motion_words.LABELS if any(name in own for _, own in hands)]
    rows = [["", *(motion_words.HAND_NAMES[hand] for hand, _ in hands)]]
    for name in names:
        cells = [motion_words.metric_text(name, own[name]) if name in own else "" for _, own in hands]
        rows.append([motion_words.LABELS[name][0], *cells])
    return [
        Spacer(1, 6),
        Paragraph(f"Measures: {motion_words.TASKS[document['task']]}", styles["head"]),
        _table(rows, styles, (190, *(160 for _ in hands))),
        Spacer(1, 4),
        Paragraph(NO_MARK, styles["faint"]),
    ]


def _line(one: Graded) -> list[str]:
    document, points = one.document or {}, one.points
    if "error" in document:
        return [one.name, "", "", "", document["error"]["text"]]
    if one.row.fault is not None:
        return [one.name, "", "", "", why(one.row.fault)[0]]
    if one.row.submission.kind == "clip":
        return _clip_line(one)
    at = main_wound(document)
    wound = document["wounds"][at] if at is not None else None
    faults = [hint["code"].replace("_", " ") for hint in wound["hints"]] if wound else []
    return [
        one.name,
        wound["technique"]["name"].replace("_", " ") if wound else "",
        f"{number(points[0])} of {number(points[1])}" + (" *" if one.row.override else "") if points else "",
        percent(points[0] / points[1]) if points else "",
        ", ".join(faults) if wound else _NO_GRADE["photo", one.row.state],
    ]


def _clip_line(one: Graded) -> list[str]:
    points = one.points
    said = _NO_GRADE["clip", one.row.state].lower()
    if one.document is not None:
        metrics = {row.name: row for row in motion_metrics(one.document)}
        tremor = motion_words.in_short(metrics, "tremor_rms_um", "tremor_rms_px")
        said = "tremor: " + ", ".join(tremor) if tremor else "no instrument tip was followed"
    return [
        one.name,
        f"clip, {motion_words.TASKS[one.row.submission.task]}",
        f"{number(points[0])} of {number(points[1])} *" if points else "",
        percent(points[0] / points[1]) if points else "",
        said,
    ]


def _label(name: str) -> str:
    text = LABELS.get(name) or LABELS.get(name.removesuffix("_px") + "_mm") or name.replace("_", " ")
    return text + (" (px)" if name.endswith("_px") else "")


def _unit(metric: dict[str, Any]) -> str:
    unit = str(metric["unit"])
    return {"deg": "°", "1": "", "stitches": ""}.get(unit, unit)


def _provenance(one: Graded) -> str:
    result = one.row.result
    if result is None:
        return FOOT
    sha256 = one.row.submission.blob_sha256[:12]
    if one.row.submission.kind == "clip":
        return f"{CLIP_FOOT} Software {result.software}, clip {sha256}."
    return f"{FOOT} Software {result.software}, rubric {result.rubric_key[:40]}, photo {sha256}."


def _bars(counts: Sequence[tuple[str, int]]) -> Any:
    """Horizontal bars with their labels and numbers."""
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import HexColor

    step, longest = 13, max(1, *(n for _, n in counts))
    drawing = Drawing(480, step * len(counts) + 4)
    for at, (label, n) in enumerate(counts):
        y = step * (len(counts) - 1 - at) + 3
        drawing.add(String(0, y + 1, label, fontName=FONT, fontSize=8, fillColor=HexColor(INK)))
        drawing.add(Rect(150, y, 290 * n / longest, 8, fillColor=HexColor(BAR), strokeColor=None))
        end = 154 + 290 * n / longest
        drawing.add(String(end, y + 1, str(n), fontName=FONT, fontSize=8, fillColor=HexColor(FAINT)))
    return drawing


def _table(rows: Sequence[Sequence[str]], styles: dict[str, Any], widths: Sequence[float]) -> Any:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import Paragraph, Table, TableStyle

    cells = [
        [Paragraph(_text(text), styles["cell" if at else "faint"]) for text in row]
        for at, row in enumerate(rows)
    ]
    look = TableStyle(
        [
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor(LINE)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ]
    )
    return Table(cells, colWidths=list(widths), style=look, repeatRows=1, hAlign="LEFT")


@lru_cache(maxsize=1)
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    whole = _DEJAVU.joinpath("DejaVuSans.ttf").is_file()
    plain, bold = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf") if whole else ("Vera.ttf", "VeraBd.ttf")
    for name, file in ((FONT, plain), (BOLD, bold)):
        pdfmetrics.registerFont(TTFont(name, str(_DEJAVU / file) if whole else file))
    if _ZENHEI.is_file():
        pdfmetrics.registerFont(TTFont(EAST, str(_ZENHEI)))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
    body = ParagraphStyle(
        "body", fontName=FONT, fontSize=9.5, leading=13, textColor=HexColor(INK), spaceAfter=4
    )

    def style(name: str, **changes: Any) -> Any:
        return ParagraphStyle(name, parent=body, **changes)

    return {
        "body": body,
        "title": style("title", fontName=BOLD, fontSize=17, leading=22),
        "head": style("head", fontName=BOLD, fontSize=11, leading=15, spaceBefore=10),
        "grade": style("grade", fontName=BOLD, fontSize=13, leading=18),
        "faint": style("faint", fontSize=8, leading=11, textColor=HexColor(FAINT)),
        "cell": style("cell", fontSize=8.5, leading=11, spaceAfter=0),
    }


def _text(text: str) -> str:
    """For a Paragraph: escaped, and what the font lacks in the one that has it."""
    from reportlab.pdfbase import pdfmetrics

    _styles()  # registers the fonts
    known = pdfmetrics.getFont(FONT).face.charToGlyph
    east = pdfmetrics.getFont(EAST).face.charToGlyph if EAST in pdfmetrics.getRegisteredFontNames() else {}
    parts = []
    for is_east, letters in groupby(text, lambda c: ord(c) not in known and ord(c) in east):
        run = escape("".join(letters))
        parts.append(f'<font name="{EAST}">{run}</font>' if is_east else run)
    return "".join(parts)


def _built(parts: list[Any], title: str, foot: str) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import SimpleDocTemplate

    out = io.BytesIO()
    template = SimpleDocTemplate(
        out, pagesize=A4, title=title, leftMargin=40, rightMargin=40, topMargin=40, bottomMargin=50
    )
    draw = _footer(foot)
    template.build(parts, onFirstPage=draw, onLaterPages=draw)
    return out.getvalue()


def _footer(text: str) -> Callable[[Any, Any], None]:
    from reportlab.platypus import Paragraph

    def draw(canvas: Any, template: Any) -> None:
        note = Paragraph(_text(text), _styles()["faint"])
        _, height = note.wrap(template.width, 40)
        note.drawOn(canvas, template.leftMargin, 34 - height / 2)
        canvas.setFont(FONT, 8)
        canvas.drawRightString(template.leftMargin + template.width, 14, str(canvas.getPageNumber()))

    return draw
