"""A small model that reads images, with random weights, and pictures for it."""

import dataclasses
from collections.abc import Sequence
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from dgemma.checkpoint import LoadedModel
from dgemma.config import LayerConfig, ModelConfig, SamplerConfig
from dgemma.image_spans import ImageSpan
from dgemma.model import DiffusionGemma
from dgemma.tokenizer import EOS, IMAGE, IMAGE_BEGIN, IMAGE_END, PAD, TURN_END
from dgemma.vision import VisionTower
from dgemma.vision_config import VisionConfig
from tests.test_tokenizer import small_tokenizer

_VISION = {
    "model_type": "gemma4_vision", "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8, "position_embedding_size": 160,
    "patch_size": 4, "pooling_kernel_size": 2,
}  # fmt: skip


@cache
def image_model() -> LoadedModel:
    """A model whose soft tokens cover 8 by 8 pixels each."""
    tokenizer = small_tokenizer()
    layers = tuple(
        LayerConfig(layer_type=kind, head_dim=16, num_key_value_heads=2)
        for kind in ("sliding_attention", "full_attention", "sliding_attention", "full_attention")
    )
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=32, intermediate_size=32, num_attention_heads=4, num_experts=4,
        top_k_experts=2, moe_intermediate_size=32, sliding_window=24, canvas_length=8, layers=layers,
        max_position_embeddings=4096, eos_token_ids=(tokenizer.special_id(EOS),),
        pad_token_id=tokenizer.special_id(PAD), bos_token_id=tokenizer.bos_id,
        use_bidirectional_attention="vision",
        vision=VisionConfig.from_hf(_VISION), image_token_id=tokenizer.special_id(IMAGE),
        boi_token_id=tokenizer.special_id(IMAGE_BEGIN), eoi_token_id=tokenizer.special_id(IMAGE_END),
    )  # fmt: skip
    torch.manual_seed(0)
    assert config.vision is not None
    network, tower = DiffusionGemma(config), VisionTower(config.vision, config.hidden_size)
    with torch.no_grad():
        for module in (network, tower):
            for parameter in module.parameters():
                if parameter.ndim >= 2:
                    parameter.normal_(0, 0.25)
    ends = (tokenizer.special_id(EOS), tokenizer.special_id(TURN_END))
    return LoadedModel(
        config=config,
        network=network.eval().requires_grad_(False),
        sampler=dataclasses.replace(SamplerConfig(), max_denoising_steps=4, eos_token_ids=ends),
        tokenizer=tokenizer,
        tower=tower.eval().requires_grad_(False),
    )


def picture(colour: str = "red", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture of one colour with a black bar across."""
    image = Image.new("RGB", size, colour)
    image.paste("black", (0, size[1] // 3, size[0], size[1] // 2))
    return image


def find_spans(tokens_BT: Tensor, images: Sequence[Sequence[Tensor]], image_token_id: int) -> list[ImageSpan]:
    """The span of each image: `images[row]` are the soft tokens [S, D] of that row's images, in text order."""
    spans: list[ImageSpan] = []
    for row, (tokens_T, softs) in enumerate(zip(tokens_BT, images, strict=True)):
        places = iter((tokens_T == image_token_id).nonzero()[:, 0].tolist())
        for soft_SD in softs:
            start, *_ = [next(places) for _ in soft_SD]
            spans.append(ImageSpan(soft_SD=soft_SD, start=start, row=row))
    return spans
