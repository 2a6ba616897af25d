"""The tokenizer of a GGUF file: BPE with spaces written as U+2581 and byte fallback, like transformers'
GemmaTokenizer. Knows nothing of weights.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

from dgemma.checkpoint.gguf import as_list
from dgemma.errors import CheckpointError
from dgemma.tokenizer import SPECIAL_TOKENS, Tokenizer
from dgemma.values import read_number

# Token types, as llama.cpp numbers them.
_CONTROL, _USER_DEFINED = 3, 4
_SPACE = "\u2581"


def read_strings(entries: Mapping[str, Any], name: str, file: str) -> list[str] | None:
    """An entry that is a list of strings; None if it is missing. Raises CheckpointError, naming `file`, for anything
    else."""
    found = entries.get(name)
    if found is not None and not (isinstance(found, list) and all(isinstance(text, str) for text in found)):
        raise CheckpointError(f"{file} has a {name} that is not a list of strings; fetch it again.")
    return found


def read_tokenizer(entries: Mapping[str, Any], tokens: list[str] | None, file: str) -> Tokenizer | None:
    """The tokenizer described by a file's entries, None if there is none; also None, with a warning, for a vocabulary
    of another model type. Raises CheckpointError for an invalid one."""
    merges = read_strings(entries, "tokenizer.ggml.merges", file)
    model_type = entries.get("tokenizer.ggml.model")
    if tokens is None and model_type is None:
        return None
    if tokens is None or merges is None or model_type != "gemma4":
        logging.getLogger(__name__).warning(
            "%s has a vocabulary of an unsupported type (%s); the model works on token ids only.", file, model_type
        )
        return None
    vocabulary = {token: index for index, token in enumerate(tokens)}
    unknown = read_number(entries, "tokenizer.ggml.unknown_token_id", int, 3, file)
    if len(vocabulary) < len(tokens) or not 0 <= unknown < len(tokens):
        raise CheckpointError(f"{file} has a token twice in its vocabulary, or no unknown token; fetch it again.")
    try:
        model = models.BPE(
            vocab=vocabulary,
            merges=[_split_merge(merge, vocabulary, file) for merge in merges],
            fuse_unk=True,
            unk_token=tokens[unknown],
            byte_fallback=True,
        )
    except CheckpointError:
        raise
    except Exception as error:  # The library raises no class of its own.
        raise CheckpointError(f"The vocabulary of {file} cannot be read ({error}); fetch it again.") from error
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = normalizers.Replace(" ", _SPACE)
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    types = as_list(entries.get("tokenizer.ggml.token_type", np.zeros(len(tokens))))
    if not isinstance(types, list) or len(types) != len(tokens):
        raise CheckpointError(
            f"{file} has a tokenizer.ggml.token_type that is not a list of {len(tokens)} numbers; fetch it again."
        )
    special = {token for token, token_type in zip(tokens, types, strict=True) if token_type == _CONTROL}
    # Converters do not mark all of Gemma's special tokens as control tokens.
    special |= vocabulary.keys() & set(SPECIAL_TOKENS)
    added = {token for token, token_type in zip(tokens, types, strict=True) if token_type == _USER_DEFINED} - special
    special_by_id, added_by_id = sorted(special, key=vocabulary.__getitem__), sorted(added, key=vocabulary.__getitem__)
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special_by_id])
    backend.add_tokens([AddedToken(token, normalized=False) for token in added_by_id])
    return Tokenizer(backend)


def _split_merge(merge: str, vocabulary: Mapping[str, int], file: str) -> tuple[str, str]:
    """The two tokens of a merge, separated by a space; a space inside a token is written as U+0120 (gguf's
    SpecialVocab)."""
    left, _, right = merge.partition(" ")
    left, right = (half if half in vocabulary else half.replace("\u0120", " ") for half in (left, right))
    if left not in vocabulary or right not in vocabulary:
        raise CheckpointError(f"{file} has a merge {merge!r} that is not two tokens of its vocabulary; fetch it again.")
    return left, right
