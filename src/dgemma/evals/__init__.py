"""Measuring a model on jobs that can be checked."""
