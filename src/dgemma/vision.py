"""The image tower: patches of an image -> soft tokens of the text network's width.

A transformer over the patches, each of which sees all others of its image; then squares of patches are averaged into
soft tokens and projected to the text's width. Semantics: transformers 5.23 `Gemma4VisionModel` and
`DiffusionGemmaMultimodalEmbedder`; the modules have the names of the released tensors. Weights keep the type of their
files. On a CPU, where bfloat16 products are an order of magnitude slower, each weight is widened to float32 for its
product, one at a time.

Knows nothing of where pixels come from, of text or of files.

Shapes: N images, P patches (with padding), C pixel values of a patch, n patches of one image, S soft tokens of it,
H query heads, K key heads, d head dim, V hidden of the tower, D hidden of the text.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgemma.errors import UsageError
from dgemma.ops import reference as ops
from dgemma.vision_config import VisionConfig


def product(hidden: Tensor, weight: Tensor) -> Tensor:
    """hidden [.., in] times weight [out, in], in the hidden states' type."""
    return F.linear(hidden, weight.to(hidden.dtype))


class ClippableLinear(nn.Module):
    """A linear layer without bias; clamps its input and output if the model has `use_clipped_linears`."""

    def __init__(self, config: VisionConfig, in_size: int, out_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_size, out_size, bias=False)
        self.is_clipped = config.use_clipped_linears
        if self.is_clipped:
            for name in ("input_min", "input_max", "output_min", "output_max"):
                self.register_buffer(name, torch.tensor(float("-inf" if name.endswith("min") else "inf")))

    def forward(self, hidden: Tensor) -> Tensor:
        return self._clamped(product(self._clamped(hidden, "input"), self.linear.weight), "output")

    def _clamped(self, hidden: Tensor, side: str) -> Tensor:
        if not self.is_clipped:
            return hidden
        least, most = (self.get_buffer(f"{side}_{bound}").to(hidden.dtype) for bound in ("min", "max"))
        return hidden.clamp(least, most)


class Norm(nn.Module):
    """RMS norm computed in float32; multiplies by the weight itself, not by 1 + weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, hidden: Tensor) -> Tensor:
        return ops.rms_norm(hidden, self.weight, self.eps)


class PatchEmbedder(nn.Module):
    """Pixels in [0, 1] -> hidden states: a projection plus one learned vector for the column and one for the row."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.input_proj = nn.Linear(3 * config.patch_size**2, config.hidden_size, bias=False)
        self.position_embedding_table = nn.Parameter(torch.zeros(2, config.position_embedding_size, config.hidden_size))

    def forward(self, patches_nC: Tensor, positions_n2: Tensor, dtype: torch.dtype) -> Tensor:
        columns, rows = self.position_embedding_table
        embedded_nV = columns[positions_n2[:, 0]].to(dtype) + rows[positions_n2[:, 1]].to(dtype)
        return product((2 * (patches_nC.float() - 0.5)).to(dtype), self.input_proj.weight) + embedded_nV


class Attention(nn.Module):
    """Attention in which every patch sees every other; the scale is 1.

    Queries and keys have a learned norm, values a norm without weight. The rotary embedding rotates the first half of a
    head by the patch's column and the second half by its row.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.head_dim, self.eps = config.head_dim, config.rms_norm_eps
        query_size, key_size = (
            heads * config.head_dim for heads in (config.num_attention_heads, config.num_key_value_heads)
        )
        self.q_proj = ClippableLinear(config, config.hidden_size, query_size)
        self.k_proj = ClippableLinear(config, config.hidden_size, key_size)
        self.v_proj = ClippableLinear(config, config.hidden_size, key_size)
        self.o_proj = ClippableLinear(config, query_size, config.hidden_size)
        self.q_norm = Norm(config.head_dim, config.rms_norm_eps)
        self.k_norm = Norm(config.head_dim, config.rms_norm_eps)

    def forward(self, hidden_nV: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        query_nHd, key_nKd, value_nKd = (
            projection(hidden_nV).unflatten(-1, (-1, self.head_dim))
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        query_nHd, key_nKd = self._rotate(self.q_norm(query_nHd), rotary), self._rotate(self.k_norm(key_nKd), rotary)
        value_nKd = ops.rms_norm(value_nKd, None, self.eps)
        query, key, value = (part.transpose(0, 1)[None] for part in (query_nHd, key_nKd, value_nKd))
        attended_1Hnd = ops.attention(query, key, value, None)
        return self.o_proj(attended_1Hnd[0].transpose(0, 1).flatten(1))

    @staticmethod
    def _rotate(heads_nHd: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        by_axis = heads_nHd.unflatten(-1, (2, heads_nHd.shape[-1] // 2))
        return ops.rotate(by_axis, *rotary).flatten(-2)


class MLP(nn.Module):
    """GeGLU feed-forward."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.gate_proj = ClippableLinear(config, config.hidden_size, config.intermediate_size)
        self.up_proj = ClippableLinear(config, config.hidden_size, config.intermediate_size)
        self.down_proj = ClippableLinear(config, config.intermediate_size, config.hidden_size)

    def forward(self, hidden_nV: Tensor) -> Tensor:
        return self.down_proj(F.gelu(self.gate_proj(hidden_nV), approximate="tanh") * self.up_proj(hidden_nV))


class EncoderLayer(nn.Module):
    """Attention, then a feed-forward block, each with a norm before and after it."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(config), MLP(config)
        for name in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
            self.add_module(f"{name}_layernorm", Norm(config.hidden_size, config.rms_norm_eps))

    def forward(self, hidden_nV: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        attended = self.self_attn(self.get_submodule("input_layernorm")(hidden_nV), rotary)
        hidden_nV = hidden_nV + self.get_submodule("post_attention_layernorm")(attended)
        fed = self.mlp(self.get_submodule("pre_feedforward_layernorm")(hidden_nV))
        return hidden_nV + self.get_submodule("post_feedforward_layernorm")(fed)


class Encoder(nn.Module):
    """Holds the layers under their released names; `VisionTower.steps` runs them."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(config) for _ in range(config.num_hidden_layers)])


class Projection(nn.Module):
    """Soft tokens of the tower's width -> soft tokens of the text's width, after a norm without weight."""

    def __init__(self, config: VisionConfig, text_hidden_size: int) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.embedding_projection = nn.Linear(config.hidden_size, text_hidden_size, bias=False)

    def forward(self, soft_SV: Tensor) -> Tensor:
        return product(ops.rms_norm(soft_SV, None, self.eps), self.embedding_projection.weight)


class VisionTower(nn.Module):
    """The image tower, with the projection to a text network of width `text_hidden_size`."""

    def __init__(self, config: VisionConfig, text_hidden_size: int) -> None:
        super().__init__()
        self.config = config
        self.patch_embedder = PatchEmbedder(config)
        self.encoder = Encoder(config)
        self.embed_vision = Projection(config, text_hidden_size)
        if config.standardize:
            self.register_buffer("std_bias", torch.zeros(config.hidden_size))
            self.register_buffer("std_scale", torch.ones(config.hidden_size))

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.patch_embedder.input_proj.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of hidden states and soft tokens: float32 on a CPU, elsewhere the type of the weights."""
        weight = self.patch_embedder.input_proj.weight
        return torch.float32 if weight.device.type == "cpu" else weight.dtype

    @torch.no_grad()
    def forward(self, patches_NPC: Tensor, positions_NP2: Tensor) -> list[Tensor]:
        """The soft tokens of each image, [S, D], in reading order.

        patches_NPC: pixels in [0, 1], row by row, the three colours of each together (C = 3 * patch_size^2).
        positions_NP2: each patch's column and row, whole numbers. Negative ones mark padding, which is not computed.

        The patches of an image may be in any order, but must fill a grid whose sides are multiples of
        `pooling_kernel_size`; each square of that many by that many patches becomes one soft token. Raises UsageError
        for other shapes or positions.
        """
        values, shape = 3 * self.config.patch_size**2, list(patches_NPC.shape)
        if len(shape) != 3 or shape[2] != values or list(positions_NP2.shape) != [*shape[:2], 2]:
            raise UsageError(
                f"The image tower takes patches [images, patches, {values}] and positions [images, patches, 2], not "
                f"{shape} and {list(positions_NP2.shape)}."
            )
        softs: list[Tensor] = []
        for patches_PC, positions_P2 in zip(patches_NPC, positions_NP2, strict=True):
            *_, soft_SD = self.steps(patches_PC, positions_P2)
            assert soft_SD is not None
            softs.append(soft_SD)
        return softs

    def steps(self, patches_PC: Tensor, positions_P2: Tensor) -> Iterator[Tensor | None]:
        """`forward` of one image, layer by layer: yields None after each layer, then the soft tokens [S, D].

        Lets a scheduler run other work between layers. The caller disables gradients.
        """
        # One image at a time, without its padding: no mask is needed and the size of one does not slow another.
        positions_P2 = positions_P2.to(self.device).long()
        is_patch = (positions_P2 >= 0).all(-1)
        patches_nC, positions_n2 = patches_PC.to(self.device)[is_patch], positions_P2[is_patch]
        squares_n, count = self._squares(positions_n2)
        rotary = self._rotary(positions_n2)
        hidden_nV = self.patch_embedder(patches_nC, positions_n2, self.dtype)
        for layer in self.encoder.layers:
            hidden_nV = layer(hidden_nV, rotary)
            yield None
        # In float32: the scale takes hidden states beyond the range of float16.
        sums_SV = torch.zeros(count, hidden_nV.shape[1], device=self.device).index_add_(0, squares_n, hidden_nV.float())
        soft_SV = sums_SV * (self.config.hidden_size**0.5 / self.config.pooling_kernel_size**2)
        if self.config.standardize:
            soft_SV = (soft_SV - self.get_buffer("std_bias").float()) * self.get_buffer("std_scale").float()
        yield self.embed_vision(soft_SV.to(self.dtype))

    def _squares(self, positions_n2: Tensor) -> tuple[Tensor, int]:
        """The index of the soft token that each patch is averaged into, and the number of soft tokens."""
        side, most = self.config.pooling_kernel_size, self.config.position_embedding_size
        width, height = (positions_n2.amax(0) + 1).tolist() if len(positions_n2) else (0, 0)
        if max(width, height) > most:
            raise UsageError(
                f"An image of {width} by {height} patches is too long for a tower of {most} positions per axis."
            )
        squares_n = positions_n2[:, 0] // side + (width // side) * (positions_n2[:, 1] // side)
        count = (width // side) * (height // side)
        whole = width % side == 0 and height % side == 0 and len(positions_n2) == width * height > 0
        if not whole or len((width * positions_n2[:, 1] + positions_n2[:, 0]).unique()) != width * height:
            raise UsageError(
                f"The patches of an image must fill a grid whose sides are multiples of {side}, each place once; these "
                f"{len(positions_n2)} do not fill theirs of {width} by {height}."
            )
        return squares_n, count

    def _rotary(self, positions_n2: Tensor) -> tuple[Tensor, Tensor]:
        """Tables [n, 1, 2, d / 2] for both axes."""
        frequencies = ops.rotary_frequencies(self.config.head_dim // 2, self.config.rope_theta, 1.0, 1.0)
        angles = positions_n2[:, None, :, None].float() * frequencies.to(self.device)
        return ops.rotary_tables(angles, self.dtype)
