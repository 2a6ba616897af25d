"""Files -> (config, weights, tokenizer) and back; nothing here runs the model."""

from dgemma.checkpoint.find import EMBEDDED, find_model
from dgemma.checkpoint.load import LoadedModel, open_model
from dgemma.checkpoint.save import quantise_model, save_model

__all__ = ["EMBEDDED", "LoadedModel", "find_model", "open_model", "quantise_model", "save_model"]
