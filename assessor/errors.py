"""Everything that can go wrong, as one tree.

AssessorError
├── IntakeError        the file is not a photo that can be graded
├── QualityError       the photo is one, but a number from it would be a lie
├── MotionError        a clip or a camera gives nothing that motion can be measured on
├── ScaleError         a requested scale cannot be had from this photo
├── OptionError        an option does not make sense
└── RubricError        a rubric file is broken

Every error has a stable `code` (snake_case, part of the contract), a `text` that says what
is the matter, and a `hint` that tells the trainee what to do about it.
"""

from __future__ import annotations


class AssessorError(Exception):
    """Base of all errors that a user can cause and mend."""

    def __init__(self, code: str, text: str, hint: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.hint = hint


class IntakeError(AssessorError):
    """The file cannot be turned into an upright photo."""


class QualityError(AssessorError):
    """The photo is too poor for any honest number."""


class MotionError(AssessorError):
    """A clip or a camera cannot be read, or motion cannot be measured on it."""


class ScaleError(AssessorError):
    """A scale was asked for that this photo does not give."""


class OptionError(AssessorError):
    """An option has a value that does not make sense."""


class RubricError(AssessorError):
    """A rubric is unknown or its file is broken."""
