"""Decoding algorithms on token ids: no requests, no text, no printing."""

from dgemma.decode.denoise import DenoiseStep, denoise

__all__ = ["DenoiseStep", "denoise"]
