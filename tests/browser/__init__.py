"""Tests that drive the served JupyterLab in a real headless Chromium, as a learner's hands would."""
