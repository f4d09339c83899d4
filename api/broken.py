"""Why something that was handed in has no result for good: each code in words, and what to do about it."""

from __future__ import annotations

WHY = {
    "grading_died": (
        "Its process ended each time it was read.",
        "Hand in another photo, or a shorter or smaller clip.",
    ),
    "grading_timeout": (
        "It took longer than it may, each time.",
        "Hand in a smaller photo or a shorter clip.",
    ),
    "grading_out_of_memory": (
        "It needs more memory than grading may use.",
        "Hand it in smaller: 12 megapixels are plenty for a photo, 1080p for a clip.",
    ),
    "blob_missing": (
        "Its file is no longer in the store.",
        "Hand it in again, and tell whoever runs the service: assessor doctor.",
    ),
    "blob_damaged": (
        "Its file is not what it was when it came in.",
        "Hand it in again, and tell whoever runs the service: assessor doctor.",
    ),
    "internal_error": (
        "The service made a mistake with it.",
        "Try it again after the next upgrade, and report it with the software version.",
    ),
}


def why(code: str) -> tuple[str, str]:
    """What is the matter, and what to do."""
    return WHY.get(code, WHY["internal_error"])
