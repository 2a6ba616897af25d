"""Files -> (config, weights, tokenizer) and back; nothing here runs the model."""

from dgemma.checkpoint.load import LoadedModel, open_model, save_model

__all__ = ["LoadedModel", "open_model", "save_model"]
