"""Many photos -> a folder of results that survives whatever happens to single photos or to the run.

For each photo `<stem>.json` and `<stem>.overlay.png`, for the call `grades.csv`. Every file appears whole
or not at all. A result remembers its photo, options and the exact software: an equal run skips it, so a
run that was stopped goes on where it stopped. Two photos of one stem become `stem` and `stem-2`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import os
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from assessor import workers
from assessor.errors import AssessorError, OptionError
from assessor.options import GradeOptions
from assessor.report import tables
from assessor.results import ImageInfo

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
OVERLAY_SUFFIX = ".overlay.png"
CSV_NAME = "grades.csv"
PHOTO_LIMIT_S = 300.0  # far beyond any photo: only so that a hanging one ends
# Failures of a run, not of a photo: tried again next time.
_PASSING = frozenset({"grading_died", "grading_stuck", "grading_failed"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhotoDone:
    """A photo's result in JSON form; `kept` where it was graded before and nothing had changed."""

    photo: Path
    name: str
    result: dict[str, Any]
    kept: bool

    @property
    def refused(self) -> bool:
        return "error" in self.result

    @property
    def assessed(self) -> bool:
        """Whether there is anything to grade: neither refused nor without a wound."""
        return not self.refused and bool(self.result["wounds"])


@dataclass(frozen=True, slots=True)
class _Task:
    photo: Path
    name: str
    options: GradeOptions


@dataclass(frozen=True, slots=True)
class _Graded:
    result: dict[str, Any]
    overlay_png: bytes | None


def find_photos(paths: Iterable[Path], out: Path | None = None) -> list[Path]:
    """The photos given and those inside given folders (all levels), sorted within each, each file once.

    Hidden files, overlays and whatever lies in `out` are no photos. A path that does not exist stays in
    the list: it becomes a refused photo with its reason.
    """
    found: dict[Path, Path] = {}
    ours = out.resolve() if out is not None else None
    for path in paths:
        inside = (
            [path] if not path.is_dir() else sorted(p for p in path.rglob("*") if _is_photo(p, path, ours))
        )
        for photo in inside:
            found.setdefault(photo.resolve(), photo)
    return list(found.values())


def grade_folder(
    paths: Iterable[Path | str],
    out: Path | str,
    options: GradeOptions | None = None,
    *,
    jobs: int | None = None,
    again: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_photo: Callable[[PhotoDone], None] | None = None,
) -> list[PhotoDone]:
    """Grade photos and folders of photos into `out`; results in the order of the photos.

    `jobs` processes (default: one a core, eight at most); `again` grades also what is done already.
    `on_start` hears how many photos there are, `on_photo` each result. On KeyboardInterrupt what was
    graded is kept, grades.csv included. OptionError where an option or `out` cannot be used.
    """
    options, out = options or GradeOptions(), Path(out)
    photos = find_photos((Path(p) for p in paths), out)
    if options.points is not None and len(photos) > 1:
        raise OptionError(
            "points_of_one_photo",
            f"Two points belong to one photo, but {len(photos)} are to be graded.",
            "Grade that photo alone, or give --mm-per-px if all were taken with a fixed camera.",
        )
    check_options(options)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise cannot_write(out, exc) from exc
    if on_start is not None:
        on_start(len(photos))
    key = run_key(options)
    names = name_results(photos, out)
    done: dict[int, PhotoDone] = {}

    def finish(index: int, result: dict[str, Any], *, kept: bool) -> None:
        done[index] = PhotoDone(photos[index], names[index], result, kept)
        if on_photo is not None:
            on_photo(done[index])

    try:
        todo = []
        for index, photo in enumerate(photos):
            earlier = None if again else _earlier(out, names[index], photo, key)
            if earlier is None:
                todo.append(index)
            else:
                finish(index, earlier, kept=True)
        tasks = [_Task(photos[index], names[index], options) for index in todo]
        with closing(_grade_all(tasks, jobs)) as grading:  # closed at once, not when a traceback is dropped
            for at, graded in grading:
                index = todo[at]
                source = {"photo": relative(photos[index], out), "key": key}
                _store(out, names[index], graded, source, options)
                finish(index, graded.result, kept=False)
    finally:
        ordered = [done[index] for index in sorted(done)]
        rows = [r for d in ordered for r in tables.rows(d.result, photo=relative(d.photo, out), name=d.name)]
        write_whole(out / CSV_NAME, tables.to_csv(rows).encode())
    return ordered


def name_results(photos: Sequence[Path], out: Path) -> list[str]:
    """A result name for each photo: its stem, or stem-2, stem-3 ... where that is another photo's.

    Names given in earlier runs stay; a JSON file that is not ours is never taken. Upper and lower case
    count as one, as they do on many disks.
    """
    taken: set[str] = set()
    ours: dict[str, str] = {}
    for path in sorted(out.glob("*.json")):
        taken.add(path.stem.casefold())
        owner = _owner(path)
        if owner is not None:
            ours[owner] = path.stem
    return [_name(photo, relative(photo, out), taken, ours) for photo in photos]


def _name(photo: Path, source: str, taken: set[str], ours: dict[str, str]) -> str:
    if source in ours and re.fullmatch(re.escape(photo.stem) + r"(-\d+)?", ours[source]):
        return ours[source]
    candidates = itertools.chain([photo.stem], (f"{photo.stem}-{number}" for number in itertools.count(2)))
    name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
    taken.add(name.casefold())
    return name


def check_options(options: GradeOptions) -> None:
    """OptionError or RubricError where no photo could be graded so."""
    from assessor.rubric import choose_rubric, load_rubric

    if options.rubric is not None:
        load_rubric(options.rubric)
    else:
        choose_rubric(options.technique or "simple_interrupted", options.kit, options.suture_size)


def run_key(options: GradeOptions) -> str:
    """Equal keys promise equal results of equal photos: every byte of the software, options, rubric file."""
    digest = hashlib.sha256(_software_digest())
    digest.update(json.dumps(dataclasses.asdict(options), sort_keys=True).encode())
    if options.rubric is not None and Path(options.rubric).is_file():
        digest.update(Path(options.rubric).read_bytes())
    return digest.hexdigest()


def grade_file(task: _Task) -> _Graded:
    """One photo to its result and overlay; whatever goes wrong becomes that photo's error."""
    from assessor.photo.grade import assess, refusal
    from assessor.photo.intake import load_photo
    from assessor.report.overlay import overlay_png

    info = None
    try:
        photo = load_photo(task.photo)
        info = photo.info
        assessment = assess(photo, task.options)
        return _Graded(assessment.to_json(), overlay_png(photo.bgr, assessment))
    except AssessorError as error:
        return _Graded(refusal(error, info or _info(task.photo)).to_json(), None)
    except Exception as bug:  # at this border a bug costs one photo, not the class
        _log.exception("grading %s failed", task.photo)
        failure = _failure("grading_failed", f"Grading stopped with {type(bug).__name__}: {bug}")
        return _Graded(refusal(failure, info or _info(task.photo)).to_json(), None)


def _grade_all(tasks: Sequence[_Task], jobs: int | None) -> Generator[tuple[int, _Graded], None, None]:
    if len(tasks) == 1:  # a process of its own would cost more than the photo
        yield 0, grade_file(tasks[0])
        return
    jobs = jobs or min(os.cpu_count() or 1, 8)
    with closing(workers.run(grade_file, tasks, jobs=jobs, limit_s=PHOTO_LIMIT_S)) as results:
        for at, graded in results:
            yield at, _lost(tasks[at], graded) if isinstance(graded, workers.Lost) else graded


def _lost(task: _Task, lost: workers.Lost) -> _Graded:
    from assessor.photo.grade import refusal

    if lost.exit_code is None:
        error = _failure("grading_stuck", f"Grading took more than {PHOTO_LIMIT_S:.0f} s and was ended.")
    else:
        error = _failure("grading_died", f"The grading process ended by itself (exit code {lost.exit_code}).")
    return _Graded(refusal(error, _info(task.photo)).to_json(), None)


def _failure(code: str, text: str) -> AssessorError:
    return AssessorError(
        code,
        text,
        "Grade this photo again alone; if it fails again, report it with the photo's size and kind.",
    )


def _earlier(out: Path, name: str, photo: Path, key: str) -> dict[str, Any] | None:
    """The result of an equal run, if it is whole and the photo is still the same."""
    result = _read(out / f"{name}.json")
    if result is None or result.get("grading", {}).get("key") != key:
        return None
    error = result.get("error")
    if (error or {}).get("code") in _PASSING or result["image"]["sha256"] != _sha256(photo):
        return None
    whole = error is not None or (out / f"{name}{OVERLAY_SUFFIX}").is_file()
    return result if whole else None


def _store(out: Path, name: str, graded: _Graded, grading: dict[str, str], options: GradeOptions) -> None:
    """Overlay first: the JSON is the mark that both are there."""
    graded.result["grading"] = {**grading, "options": dataclasses.asdict(options)}
    overlay = out / f"{name}{OVERLAY_SUFFIX}"
    if graded.overlay_png is None:
        overlay.unlink(missing_ok=True)
    else:
        write_whole(overlay, graded.overlay_png)
    text = json.dumps(graded.result, ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(out / f"{name}.json", text.encode())


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, also where the power goes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, exc) from exc
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def cannot_write(path: Path, exc: OSError) -> OptionError:
    return OptionError(
        "cannot_write", f"Cannot write {path}: {exc.strerror}.", "Free space, or give another --out."
    )


def _is_photo(path: Path, folder: Path, ours: Path | None) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    if hidden or path.suffix.lower() not in PHOTO_SUFFIXES or path.name.endswith(OVERLAY_SUFFIX):
        return False
    return path.is_file() and (ours is None or ours == folder.resolve() or ours not in path.resolve().parents)


def _owner(path: Path) -> str | None:
    result = _read(path)
    source = (result or {}).get("grading", {}).get("photo")
    return source if isinstance(source, str) else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def relative(photo: Path, out: Path) -> str:
    """Where the photo lies as seen from its results: holds when both move together, names nobody's home."""
    try:
        return Path(os.path.relpath(photo.resolve(), out.resolve())).as_posix()
    except ValueError:  # another drive
        return photo.resolve().as_posix()


def _info(photo: Path) -> ImageInfo:
    return ImageInfo(file=photo.name, width=0, height=0, sha256=_sha256(photo))


def _sha256(photo: Path) -> str:
    try:
        with photo.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@lru_cache(maxsize=1)
def _software_digest() -> bytes:
    """Of every file of the package that can change a number: the version does not move with each commit."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(p for p in root.rglob("*") if p.suffix in {".py", ".toml", ".onnx"}):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.digest()
