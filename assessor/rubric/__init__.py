"""Metrics -> points and hints. Rubrics are the TOML files in this folder."""

from assessor.rubric.hints import hints
from assessor.rubric.judge import judge
from assessor.rubric.load import Rubric, choose_rubric, load_rubric, rubric_names

__all__ = ["Rubric", "choose_rubric", "hints", "judge", "load_rubric", "rubric_names"]
