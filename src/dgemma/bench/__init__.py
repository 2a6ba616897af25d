"""Measurements of speed, on this machine: passes, parts of a step, whole answers, comparison with transformers."""
