"""Whose a file of a class's upload is, by what Moodle, Canvas or the instructor called it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# "Jane Doe_1234567_assignsubmission_file_/pad.jpg", or all in one name; blind: "Participant_1234567_...".
_MOODLE = re.compile(r"(?P<name>[^/]+?)_(?P<id>\d+)_assign(?:submission|feedback)_[a-z]+_?(?P<rest>.*)", re.S)
# "doejane_LATE_340934_208490284_pad.jpg": user and attachment; blind: "anon_xY3zQ_208490284_pad.jpg".
_CANVAS = re.compile(
    r"(?P<name>[^_/]+)_(?:LATE_)?(?P<id>\d+|(?<=anon_)\w{5})_(?P<attachment>\d+)_(?P<rest>.+)", re.S
)
NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Handed:
    """What a path says: the file's own name, and who it is of where it says so.

    `participant_id` is Moodle's participant or Canvas's user number.
    """

    file: str
    participant: str | None = None
    participant_id: str | None = None


def whose(paths: Sequence[str]) -> list[Handed]:
    """Of each path of one upload. A folder is taken for a person's unless all files lie in it."""
    split = [path.split("/") for path in paths]
    while split and all(len(parts) > 1 for parts in split) and len({parts[0] for parts in split}) == 1:
        if _MOODLE.fullmatch(split[0][0]):
            break
        split = [parts[1:] for parts in split]
    return [_whose(parts) for parts in split]


def _whose(parts: list[str]) -> Handed:
    file = shown(parts[-1])
    for part in parts:
        moodle = _MOODLE.fullmatch(part)
        if moodle:
            name = None if moodle["name"].casefold() == "participant" else shown(moodle["name"])
            rest = moodle["rest"] if part is parts[-1] else ""
            return Handed(shown(rest) if rest else file, name, moodle["id"])
    canvas = _CANVAS.fullmatch(parts[-1])
    if canvas:
        blind = canvas["name"] == "anon"
        return Handed(shown(canvas["rest"]), None if blind else shown(canvas["name"]), canvas["id"])
    return Handed(file, shown(parts[0]) if len(parts) > 1 else None)


def shown(text: str) -> str:
    """A name without control characters, short enough for its column; never empty."""
    printable = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return printable.strip()[-NAME_LENGTH:] or "photo"


class Roster:
    """Who of a course a file is of: by full name, e-mail address or the part before its @, if only one is."""

    def __init__(self, people: Iterable[tuple[int, str, str | None]]) -> None:
        """`people`: id, name, e-mail address."""
        found: dict[str, set[int]] = {}
        for person_id, name, email in people:
            words = _words(name)
            keys = {" ".join(words), "".join(words), "".join(sorted(words))}
            if len(words) > 1:  # Canvas writes family name first and leaves out what is between
                keys |= {"".join((*words[1:], words[0])), "".join((words[-1], *words[:-1]))}
            if email:
                keys |= {email.casefold(), email.casefold().partition("@")[0]}
            for key in keys - {""}:
                found.setdefault(key, set()).add(person_id)
        self._found: Mapping[str, set[int]] = found

    def person(self, handed: Handed) -> int | None:
        stem = handed.file.rsplit(".", 1)[0]
        for text in (handed.participant, stem):
            if text is None:
                continue
            for key in (text.casefold().strip(), " ".join(_words(text)), "".join(_words(text))):
                known = self._found.get(key, set())
                if len(known) == 1:
                    return next(iter(known))
        return None


def _words(name: str) -> list[str]:
    """The words of a name, without accents, case and signs."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c)))
