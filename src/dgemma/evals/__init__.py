"""Scoring a model on tasks whose answers can be checked."""
