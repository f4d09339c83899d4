"""Folder runs: nothing overwritten, nothing lost, nothing done twice; one bad photo costs itself alone."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from assessor import folder, workers
from assessor.errors import AssessorError, OptionError
from assessor.folder import CSV_NAME, PhotoDone, find_photos, grade_folder, name_results, run_key
from assessor.options import GradeOptions
from assessor.render.scene import render_photo
from assessor.report import tables
from assessor.results import ImageInfo


@pytest.fixture(scope="module")
def pad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered pad as a photo file."""
    path = tmp_path_factory.mktemp("pad") / "pad.png"
    cv2.imwrite(
        str(path), render_photo(np.random.default_rng(5), 320, 320, kit="silicone", wounds=1, poor=0.0).bgr
    )
    return path


def broken(path: Path, text: str = "no photo") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read(out: Path, name: str) -> dict:
    return json.loads((out / f"{name}.json").read_text())


def table(out: Path) -> list[dict[str, str]]:
    with (out / CSV_NAME).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_photo_among_bad_ones_is_graded(tmp_path: Path, pad: Path) -> None:
    photos, out = tmp_path / "in", tmp_path / "out"
    broken(photos / "empty.jpg", "")
    broken(photos / "notes.jpg")
    shutil.copy(pad, photos / "pad.png")
    done = grade_folder([photos, tmp_path / "gone.jpg"], out, jobs=2)
    assert [d.name for d in done] == ["empty", "notes", "pad", "gone"]
    assert [d.refused for d in done] == [True, True, False, True]
    assert cv2.imread(str(out / "pad.overlay.png")) is not None
    assert not (out / "notes.overlay.png").exists()
    assert "error" not in read(out, "pad")
    for name in ("empty", "notes", "gone"):
        error = read(out, name)["error"]
        assert error["code"]
        assert error["text"]
        assert error["hint"]
    assert read(out, "gone")["image"]["sha256"] == ""
    rows = {row["result"]: row for row in table(out)}
    assert set(rows) == {"empty", "notes", "pad", "gone"}
    assert rows["gone"]["state"] == "refused"
    assert rows["pad"]["state"] in {"graded", "no_wound"}
    assert rows["pad"]["sha256"] == read(out, "pad")["image"]["sha256"] != ""
    assert not list(out.glob(".*"))  # no temporary file stays


def test_an_equal_run_does_nothing_and_a_changed_one_does_what_changed(tmp_path: Path, pad: Path) -> None:
    photos, out = tmp_path / "in", tmp_path / "out"
    photos.mkdir()
    shutil.copy(pad, photos / "a.png")
    broken(photos / "b.jpg")
    grade_folder([photos], out)
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir() if p.name != CSV_NAME}
    rows = table(out)
    assert [d.kept for d in grade_folder([photos], out)] == [True, True]
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir() if p.name != CSV_NAME} == before
    assert table(out) == rows
    # Another content, a lost overlay, other options, a call for it: each is graded again.
    broken(photos / "b.jpg", "something else")
    assert [d.kept for d in grade_folder([photos], out)] == [True, False]
    (out / "a.overlay.png").unlink()
    assert [d.kept for d in grade_folder([photos], out)] == [False, True]
    assert (out / "a.overlay.png").exists()
    (lone,) = grade_folder([photos / "b.jpg"], out, GradeOptions(mm_per_px=0.1))
    assert not lone.kept
    (lone,) = grade_folder([photos / "b.jpg"], out, GradeOptions(mm_per_px=0.1), again=True)
    assert not lone.kept


def test_a_half_written_result_is_done_again(tmp_path: Path) -> None:
    photo, out = broken(tmp_path / "a.jpg"), tmp_path / "out"
    grade_folder([photo], out)
    whole = (out / "a.json").read_text()
    (out / "a.json").write_text(whole[: len(whole) // 2])
    names = [d.name for d in grade_folder([photo], out)]
    # What cannot be read may be somebody else's: it is left, and the photo gets another name.
    assert names == ["a-2"]


def test_photos_of_one_stem_never_share_a_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    photos = [broken(tmp_path / p) for p in ("x/a.jpg", "y/a.jpg", "y/a.png", "y/A.jpeg")]
    assert [d.name for d in grade_folder(photos, out, jobs=1)] == ["a", "a-2", "a-3", "A-4"]
    # Later runs, in another order or in part, keep the names; new photos take new ones.
    assert [d.name for d in grade_folder(photos[::-1], out, jobs=1)] == ["A-4", "a-3", "a-2", "a"]
    (out / "a.json").unlink()
    assert [d.name for d in grade_folder([photos[2]], out, jobs=1)] == ["a-3"]
    assert [d.name for d in grade_folder([broken(tmp_path / "z/a.jpg")], out, jobs=1)] == ["a"]
    assert [d.name for d in grade_folder([photos[0]], out, jobs=1)] == ["a-5"]


def test_a_file_that_is_not_ours_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    foreign = broken(out / "a.json", '{"mine": 1}')
    photo = broken(tmp_path / "a.jpg")
    assert name_results([photo], out) == ["a-2"]
    grade_folder([photo], out)
    assert foreign.read_text() == '{"mine": 1}'


def test_results_move_with_their_photos(tmp_path: Path) -> None:
    broken(tmp_path / "study/photos/a.jpg")
    grade_folder([tmp_path / "study/photos"], tmp_path / "study/out")
    assert str(tmp_path) not in (tmp_path / "study/out/a.json").read_text()
    assert table(tmp_path / "study/out")[0]["photo"] == "../photos/a.jpg"
    shutil.move(tmp_path / "study", tmp_path / "moved")
    assert [d.kept for d in grade_folder([tmp_path / "moved/photos"], tmp_path / "moved/out")] == [True]


def test_which_files_are_photos(tmp_path: Path) -> None:
    for name in (
        "b.JPG",
        "a.heic",
        "sub/c.webp",
        "notes.txt",
        ".hidden/d.jpg",
        ".e.jpg",
        "f.overlay.png",
        "out/g.png",
    ):
        broken(tmp_path / name)
    found = find_photos([tmp_path, tmp_path / "b.JPG"], tmp_path / "out")
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["a.heic", "b.JPG", "sub/c.webp"]
    assert find_photos([]) == []
    assert find_photos([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]  # named: judged, not skipped


def test_results_may_lie_beside_the_photos(tmp_path: Path, pad: Path) -> None:
    shutil.copy(pad, tmp_path / "pad.png")
    assert len(grade_folder([tmp_path], tmp_path)) == 1
    assert [d.kept for d in grade_folder([tmp_path], tmp_path)] == [True]


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert grade_folder([tmp_path / "in"], tmp_path / "out") == []
    assert table(tmp_path / "out") == []


def test_an_interrupt_keeps_what_was_graded(tmp_path: Path) -> None:
    photos = [broken(tmp_path / f"in/{i}.jpg") for i in range(6)]
    out = tmp_path / "out"
    seen: list[PhotoDone] = []

    def interrupt(done: PhotoDone) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade_folder(photos, out, jobs=2, on_photo=interrupt)
    graded = {d.name for d in seen}
    assert {p.stem for p in out.glob("*.json")} == graded == {row["result"] for row in table(out)}
    again = grade_folder(photos, out, jobs=2)
    assert {d.name for d in again if d.kept} == graded
    assert len(table(out)) == 6


def _dies_on_two(task: folder._Task) -> folder._Graded:
    if task.name == "2":
        os.kill(os.getpid(), signal.SIGKILL)
    return folder.grade_file(task)


def test_a_crash_costs_its_photo_alone_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [broken(tmp_path / f"in/{i}.jpg") for i in range(5)]
    with monkeypatch.context() as patch:
        patch.setattr(folder, "grade_file", _dies_on_two)
        done = grade_folder(photos, tmp_path / "out", jobs=2)
    codes = {d.name: d.result["error"]["code"] for d in done}
    assert len(done) == 5
    assert codes.pop("2") == "grading_died"
    assert "grading_died" not in codes.values()
    again = grade_folder(photos, tmp_path / "out")
    assert [d.name for d in again if not d.kept] == ["2"]
    assert again[2].result["error"]["code"] != "grading_died"


def test_a_bug_becomes_the_photos_error(pad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError("nought")

    monkeypatch.setattr("assessor.photo.grade.assess", bug)
    graded = folder.grade_file(folder._Task(pad, "pad", GradeOptions()))
    assert graded.result["error"]["code"] == "grading_failed"
    assert graded.result["image"]["width"] == 320
    assert graded.overlay_png is None


def _sleep_or_double(task: float) -> float:
    if task < 0:
        time.sleep(3600)
    return 2 * task


def test_workers_give_each_result_with_its_task() -> None:
    tasks = [float(i) for i in range(7)]
    assert dict(workers.run(_sleep_or_double, tasks, jobs=3, limit_s=60)) == {i: 2.0 * i for i in range(7)}
    assert list(workers.run(_sleep_or_double, [], jobs=3, limit_s=60)) == []


def test_a_hanging_task_is_ended() -> None:
    assert list(workers.run(_sleep_or_double, [-1.0], jobs=1, limit_s=0.3)) == [(0, workers.Lost(None))]


def test_options_that_cannot_work_are_refused_before_any_photo(tmp_path: Path) -> None:
    photos = [broken(tmp_path / f"{i}.jpg") for i in range(2)]
    with pytest.raises(OptionError) as caught:
        grade_folder(photos, tmp_path / "out", GradeOptions(points=(0, 0, 10, 0, 5)))
    assert caught.value.code == "points_of_one_photo"
    with pytest.raises(AssessorError):
        grade_folder(photos, tmp_path / "out", GradeOptions(rubric="no-such-rubric"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(OptionError) as caught:
        grade_folder(photos, photos[0] / "out")
    assert caught.value.code == "cannot_write"


def test_the_key_knows_options_and_the_rubrics_content(tmp_path: Path) -> None:
    rubric = broken(tmp_path / "mine.toml", "a = 1")
    own = run_key(GradeOptions(rubric=str(rubric)))
    assert own == run_key(GradeOptions(rubric=str(rubric)))
    broken(rubric, "a = 2")
    assert len({own, run_key(GradeOptions(rubric=str(rubric))), run_key(GradeOptions())}) == 3


def metric(value: float | None, status: str = "measured") -> dict[str, object]:
    return {"value": value, "sd": None if value is None else 0.05, "n": 5, "unit": "1", "status": status}


def result(**changes: object) -> dict:
    wound = {
        "technique": {"name": "simple_interrupted", "confidence": 0.9, "declared": False},
        "stitches": [],
        "metrics": {"bite_bias": metric(-0.12), "spacing_cv": metric(None, "too_few")},
        "score": {"points": 71.0, "of": 100.0, "coverage": 0.9, "rubric": "skin-pad", "rubric_version": "1"},
        "hints": [{"code": "h", "text": "=HYPERLINK(1)", "stitches": []}],
    }
    whole = {
        "software_version": "1",
        "image": {"file": "a.jpg", "width": 1, "height": 1, "sha256": "00"},
        "scale": {"mm_per_px": 0.1, "relative_sd": 0.01, "method": "ruler"},
        "wounds": [wound, wound],
        "warnings": [{"code": "glare", "text": ""}, {"code": "blur", "text": ""}],
    }
    return whole | changes


def test_a_row_a_wound_with_its_numbers_and_what_is_missing() -> None:
    first, second = tables.rows(result(), photo="a.jpg", name="a")
    assert (first["wound"], second["wound"]) == (1, 2)
    assert first["points"] == 71.0
    assert (first["bite_bias"], first["bite_bias_sd"]) == (-0.12, 0.05)
    assert "spacing_cv" not in first
    assert first["not_measured"] == "spacing_cv: too_few"
    assert first["warnings"] == "glare; blur"


def test_a_photo_without_a_wound_or_score_has_its_row() -> None:
    (row,) = tables.rows(result(wounds=[], scale=None), photo="a.jpg", name="a")
    assert row["state"] == "no_wound"
    assert "points" not in row
    error = {"code": "blurred", "text": "Blurred.", "hint": "Hold still."}
    (row,) = tables.rows(result(wounds=[], error=error), photo="a.jpg", name="a")
    assert (row["state"], row["error_code"], row["what_to_do"]) == ("refused", "blurred", "Hold still.")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula_but_negative_numbers_stay_numbers(start: str) -> None:
    rows = tables.rows(result(), photo=f"{start}1+1.jpg", name="a")
    (first, _) = csv.DictReader(tables.to_csv(rows).splitlines(keepends=True))
    assert first["photo"][0] == "'"
    assert first["hints"] == "'=HYPERLINK(1)"
    assert float(first["bite_bias"]) == -0.12
    assert set(first) == set(tables.COLUMNS)


def test_info_of_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    assert folder._info(tmp_path / "gone.jpg") == ImageInfo("gone.jpg", 0, 0, "")
