"""Judge a learner's sheet: our notebook, their answers, a verdict per question."""
