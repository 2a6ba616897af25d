"""Training of a byte-level BPE tokenizer, as the embedded model uses it.

The result encodes and decodes every text losslessly. Gemma's special tokens have fixed low ids, each digit and each
newline is a token of its own, and all 256 bytes are in the vocabulary. Knows nothing of models or of where the texts
come from.
"""

import re
from collections.abc import Iterable, Iterator

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from dgemma.errors import DataError
from dgemma.tokenizer import BOS, EOS, PAD, SPECIAL_TOKENS, UNK

# In order: English contractions; a lower-case word with the space before it; any other word without it; one digit; one
# newline; a run of punctuation with the space before it; white space, its last space left to the following token.
# A capitalised word has the same tokens wherever it occurs, so a small network can copy it token by token.
WORD_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)(?!\p{L})"
    r"| ?\p{Ll}[\p{L}\p{M}]*"
    r"|[\p{L}\p{M}]+"
    r"|\p{N}"
    r"|\n"
    r"| ?[^\s\p{L}\p{M}\p{N}]+"
    r"|[^\S\n]+(?![\S])"
    r"|[^\S\n]+"
)
SMALLEST_VOCABULARY = 256 + len(SPECIAL_TOKENS)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> tokenizers.Tokenizer:
    """Trains a tokenizer of `vocab_size` tokens, or fewer if the texts have too few different words.

    Names of special tokens in the texts are treated as separators and not learned from.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise DataError(
            f"A vocabulary of {vocab_size} tokens is too small: bytes and special tokens alone take "
            f"{SMALLEST_VOCABULARY}. Set vocab_size in [model] to at least that."
        )
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(WORD_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_without_special_names(texts), trainer=trainer)
    return tokenizer


def tokenizer_config() -> dict[str, object]:
    """The `tokenizer_config.json` that lets transformers load the folder's tokenizer."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": UNK,
        "extra_special_tokens": [name for name in SPECIAL_TOKENS if name not in (BOS, EOS, PAD, UNK)],
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        "add_eos_token": False,
    }


def _without_special_names(texts: Iterable[str]) -> Iterator[str]:
    names = re.compile("|".join(map(re.escape, SPECIAL_TOKENS)))
    for text in texts:
        yield from filter(None, names.split(text))
