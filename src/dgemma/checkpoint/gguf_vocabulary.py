"""The vocabulary of a GGUF file: pairs that are merged, spaces written as a low line, single bytes for what is in no
token, as transformers' GemmaTokenizer has it. Knows nothing of weights.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

from dgemma.checkpoint.gguf import listed
from dgemma.errors import CheckpointError
from dgemma.tokenizer import SPECIAL_TOKENS, Tokenizer
from dgemma.values import number

# The kinds of tokens, as llama.cpp numbers them.
_CONTROL, _USER_DEFINED = 3, 4
_SPACE = "\u2581"


def texts(entries: Mapping[str, Any], name: str, told: str) -> list[str] | None:
    """A list of texts, None where it is not there; `told` is the file. Raises CheckpointError for anything else."""
    found = entries.get(name)
    if found is not None and not (isinstance(found, list) and all(isinstance(text, str) for text in found)):
        raise CheckpointError(f"{told} has {name} that are no texts; fetch it again.")
    return found


def read_tokenizer(entries: Mapping[str, Any], tokens: list[str] | None, told: str) -> Tokenizer | None:
    """The tokenizer of a file's entries and tokens; None for a vocabulary of another kind, which a warning tells.
    Raises CheckpointError for one that cannot be."""
    merges = texts(entries, "tokenizer.ggml.merges", told)
    kind = entries.get("tokenizer.ggml.model")
    if tokens is None and kind is None:
        return None
    if tokens is None or merges is None or kind != "gemma4":
        logging.getLogger(__name__).warning("%s has a vocabulary that is not read (%s): token ids only.", told, kind)
        return None
    vocabulary = {token: index for index, token in enumerate(tokens)}
    unknown = number(entries, "tokenizer.ggml.unknown_token_id", int, 3, told)
    if len(vocabulary) < len(tokens) or not 0 <= unknown < len(tokens):
        raise CheckpointError(f"{told} has a vocabulary with a token twice, or without one for what is unknown.")
    try:
        model = models.BPE(
            vocab=vocabulary,
            merges=[_pair(merge, vocabulary, told) for merge in merges],
            fuse_unk=True,
            unk_token=tokens[unknown],
            byte_fallback=True,
        )
    except CheckpointError:
        raise
    except Exception as error:  # which is all that the library raises
        raise CheckpointError(f"The vocabulary of {told} cannot be read ({error}); fetch it again.") from error
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = normalizers.Replace(" ", _SPACE)
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    backend.decoder = decoders.Sequence([decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    kinds = listed(entries.get("tokenizer.ggml.token_type", np.zeros(len(tokens))))
    if not isinstance(kinds, list) or len(kinds) != len(tokens):
        raise CheckpointError(f"{told} has a tokenizer.ggml.token_type that is not of {len(tokens)} tokens.")
    # Converters know not all of these.
    special = {token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL}
    special |= vocabulary.keys() & set(SPECIAL_TOKENS)
    added = {token for token, kind in zip(tokens, kinds, strict=True) if kind == _USER_DEFINED} - special
    in_order = sorted(special, key=vocabulary.__getitem__), sorted(added, key=vocabulary.__getitem__)
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in in_order[0]])
    backend.add_tokens([AddedToken(token, normalized=False) for token in in_order[1]])
    return Tokenizer(backend)


def _pair(merge: str, vocabulary: Mapping[str, int], told: str) -> tuple[str, str]:
    """The two tokens that a merge joins, which a space parts; one within a token is written as U+0120 (gguf's
    SpecialVocab)."""
    left, _, right = merge.partition(" ")
    left, right = (half if half in vocabulary else half.replace("\u0120", " ") for half in (left, right))
    if left not in vocabulary or right not in vocabulary:
        raise CheckpointError(f"{told} joins {merge!r}, which are no two tokens of its vocabulary; fetch it again.")
    return left, right
