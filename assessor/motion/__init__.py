"""A clip or a live camera -> MotionAssessment: frames, tips, tremor, economy."""
