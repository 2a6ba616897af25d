"""The text network of DiffusionGemma, whole, in one file; it reads top to bottom.

One stack of weights runs in two modes. `encode` is causal and writes the keys and values of clean tokens to the cache;
`denoise` is bidirectional over a canvas, reads the cache and commits nothing. `forward` does both at once under an
explicit mask, without a cache: training runs it, and the cached modes are tested against it. Semantics: arXiv
2608.00146 and transformers 5.23 `DiffusionGemmaForBlockDiffusion`.

The modules are the definition. On a CPU a whole pass may run as one compiled call instead (`fused.py`), and products go
through `ops.linear.Stacked` and `ops.experts`, which choose the layout of the weights. Knows nothing of sampling, text
or files.

Shapes: B batch, T clean tokens, L canvas tokens, R canvas rows that are computed, S keys, D hidden, H query heads,
K key heads, d head dim, V vocabulary, E experts, M expert width.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgemma.cache import KVCache
from dgemma.config import LayerConfig, LayerType, ModelConfig
from dgemma.errors import UsageError
from dgemma.fused import Fused
from dgemma.fused_calls import LayersCall, ProductsCall, compute, may_be_joined
from dgemma.image_spans import ImageSpan, PlacedImages
from dgemma.masks import attention_mask, first_key
from dgemma.norms import RMSNorm, add_normed, norm_each, normed
from dgemma.ops import reference as ops
from dgemma.ops.experts import ExpertDispatch
from dgemma.ops.linear import Stacked, WeightCache, scale_of
from dgemma.ops.native.rows import TextRows
from dgemma.ops.vocabulary_products import VocabularyProducts, is_int8


def linear(in_size: int, out_size: int) -> nn.Linear:
    return nn.Linear(in_size, out_size, bias=False)


class Attention(nn.Module):
    """Projections and per-head norms of one layer; the caller's `attend` applies the mask and the cache.

    A full layer has no value projection: V is the key projection's output before the key norm. Queries and keys carry
    a learned norm, values one without weight; the attention scale is 1.
    """

    def __init__(self, config: ModelConfig, layer: LayerConfig) -> None:
        super().__init__()
        self.head_dim, self.eps = layer.head_dim, config.rms_norm_eps
        self.num_heads, self.num_key_heads = config.num_attention_heads, layer.num_key_value_heads
        key_size = layer.num_key_value_heads * layer.head_dim
        query_size = config.num_attention_heads * layer.head_dim
        self.q_proj = linear(config.hidden_size, query_size)
        self.k_proj = linear(config.hidden_size, key_size)
        self.v_proj = linear(config.hidden_size, key_size) if layer.layer_type == "sliding_attention" else None
        self.o_proj = linear(query_size, config.hidden_size)
        self.q_norm = RMSNorm(layer.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(layer.head_dim, config.rms_norm_eps)
        self.inward = Stacked(self, "q_proj", "k_proj", "v_proj")
        self.outward = Stacked(self, "o_proj")

    def forward(self, hidden_BTD: Tensor, rotary: tuple[Tensor, Tensor], attend: Callable[..., Tensor]) -> Tensor:
        attended_BHTd = attend(*self.project(hidden_BTD, rotary))
        return self.outward(attended_BHTd.transpose(1, 2).flatten(2))[0]

    def project(self, hidden_BTD: Tensor, rotary: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Normed and rotated query [B, H, T, d] and key, normed value [B, K, T, d]."""
        query, key, *values = map(self._heads, self.inward(hidden_BTD))
        value = values[0] if values else key
        query_BHTd = ops.rotate(self.q_norm(query).transpose(1, 2), *rotary)
        key_BKTd = ops.rotate(self.k_norm(key).transpose(1, 2), *rotary)
        return query_BHTd, key_BKTd, normed(value, self.eps, None)[0].transpose(1, 2)

    def _heads(self, joined_BTn: Tensor) -> Tensor:
        return joined_BTn.view(*joined_BTn.shape[:2], joined_BTn.shape[2] // self.head_dim, self.head_dim)


class GatedMLP(nn.Module):
    """GeGLU feed-forward."""

    def __init__(self, hidden_size: int, width: int) -> None:
        super().__init__()
        self.gate_proj = linear(hidden_size, width)
        self.up_proj = linear(hidden_size, width)
        self.down_proj = linear(width, hidden_size)
        self.inward = Stacked(self, "gate_proj", "up_proj")
        self.outward = Stacked(self, "down_proj")

    def forward(self, hidden: Tensor) -> Tensor:
        gate, up = self.inward(hidden)
        return self.outward(F.gelu(gate, approximate="tanh") * up)[0]


class Router(nn.Module):
    """Chooses `top_k_experts` for each token and their weights; its input is normed without a weight."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.top_k = config.top_k_experts
        self.proj = linear(config.hidden_size, config.num_experts)
        self.scale = nn.Parameter(torch.ones(config.hidden_size))
        self.per_expert_scale = nn.Parameter(torch.ones(config.num_experts))

    def forward(self, normed_ND: Tensor) -> tuple[Tensor, Tensor]:
        return ops.route(normed_ND, self.scale, self.proj, self.per_expert_scale, self.top_k)


class Experts(nn.Module):
    """The experts' weights, gate and up projection stacked (gate first)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, width = config.hidden_size, config.moe_intermediate_size
        self.gate_up_proj = nn.Parameter(torch.zeros(config.num_experts, 2 * width, size))
        self.down_proj = nn.Parameter(torch.zeros(config.num_experts, size, width))
        self.dispatch = ExpertDispatch()

    def forward(self, hidden_ND: Tensor, weights_Nk: Tensor, ids_Nk: Tensor) -> Tensor:
        return self.dispatch(hidden_ND, weights_Nk, ids_Nk, self.gate_up_proj, self.down_proj, self.scales())

    def scales(self) -> list[Tensor]:
        """The scales of quantised weights, in their order; empty for float weights."""
        scales = (scale_of(self, name) for name in ("gate_up_proj", "down_proj"))
        return [scale for scale in scales if scale is not None]


class Layer(nn.Module):
    """Attention, then a dense MLP in parallel with routed experts; each branch is normed before and after."""

    def __init__(self, config: ModelConfig, layer: LayerConfig) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.rms_norm_eps
        self.eps = eps
        self.self_attn = Attention(config, layer)
        self.mlp = GatedMLP(size, config.intermediate_size)
        self.router = Router(config)
        self.experts = Experts(config)
        self.input_layernorm = RMSNorm(size, eps)
        self.post_attention_layernorm = RMSNorm(size, eps)
        self.pre_feedforward_layernorm = RMSNorm(size, eps)
        self.pre_feedforward_layernorm_2 = RMSNorm(size, eps)
        self.post_feedforward_layernorm = RMSNorm(size, eps)
        self.post_feedforward_layernorm_1 = RMSNorm(size, eps)
        self.post_feedforward_layernorm_2 = RMSNorm(size, eps)
        self.decoder_scalar = nn.Parameter(torch.ones(1))
        self.encoder_scalar = nn.Parameter(torch.ones(1))

    def forward(self, hidden_BTD: Tensor, rotary: tuple[Tensor, Tensor], attend: Callable, scalar: Tensor) -> Tensor:
        attended = self.self_attn(self.input_layernorm(hidden_BTD), rotary, attend)
        residual = add_normed(hidden_BTD, attended, self.post_attention_layernorm)
        # Three norms of one input: its root mean square is computed once.
        norms = (self.pre_feedforward_layernorm, self.pre_feedforward_layernorm_2, None)
        for_mlp, for_experts, for_router = norm_each(residual, self.eps, *norms)
        dense = self.post_feedforward_layernorm_1(self.mlp(for_mlp))
        routed = self.experts(for_experts.flatten(0, 1), *self.router(for_router.flatten(0, 1))).view_as(residual)
        both = add_normed(dense, routed, self.post_feedforward_layernorm_2)
        return add_normed(residual, both, self.post_feedforward_layernorm) * scalar


def masked_pass(
    layer: Layer,
    hidden_BTD: Tensor,
    rotary: tuple[Tensor, Tensor],
    mask: Tensor,
    scalar: Tensor,
    attention: Callable[..., Tensor] = ops.attention,
) -> Tensor:
    """One layer over hidden [B, N, D] with its rotary tables (cos, sin) and its layer scalar.

    `mask` is [B or 1, 1, N or 1, S], True where a query may attend. `attention` takes (query, key, value, mask) and is
    called once.

    Training compiles this function: one graph for each kind of layer instead of one for the whole depth.
    """
    return layer(hidden_BTD, rotary, lambda query, key, value: attention(query, key, value, mask), scalar)


class SelfConditioning(nn.Module):
    """Adds the previous step's expected embedding of each position to the canvas' embeddings, then norms the sum."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.pre_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = GatedMLP(config.hidden_size, config.intermediate_size)

    def forward(self, embedded_BLD: Tensor, soft_BLD: Tensor | None) -> Tensor:
        # A zero signal stays zero through a norm without bias and a gated MLP, so a first step may skip them.
        if soft_BLD is not None:
            embedded_BLD = embedded_BLD + self.mlp(self.pre_norm(soft_BLD))
        return normed(embedded_BLD, self.eps, None)[0]


class DiffusionGemma(nn.Module):
    """The network: embedding, layers, final norm, tied soft-capped head, self-conditioning.

    Raises UsageError for shapes that do not fit together. Token ids are not range-checked.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        # Zeros instead of the usual random start: that one, on the meta device, imports torch's compiler (1.7 s).
        zeros_VD = torch.zeros(config.vocab_size, config.hidden_size)
        self.embed_tokens = nn.Embedding.from_pretrained(zeros_VD, freeze=False)
        self.layers = nn.ModuleList([Layer(config, layer) for layer in config.layers])
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_conditioning = SelfConditioning(config)
        self._frequencies: dict[tuple[LayerType, int, torch.device], Tensor] = {}
        self._embed_scales: dict[torch.dtype, float] = {}
        self._mean, self._vocabulary = WeightCache(), VocabularyProducts()
        self._fused = Fused(map(type, self.modules()))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.embed_tokens.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the embedding, the norms and the hidden states."""
        return self.embed_tokens.weight.dtype

    @contextmanager
    def unfused(self) -> Iterator[None]:
        """Within the context every pass runs module by module, never as one compiled call."""
        before, self._fused.enabled = self._fused.enabled, False
        try:
            yield
        finally:
            self._fused.enabled = before

    def fused_layers(self, cache: KVCache) -> Any:
        """All layers as one compiled call (`ops.native.layers`); None unless the cache is float32 or bfloat16, on a
        CPU, of one row."""
        return self._fused.layers(self, cache)

    def fused_head(self) -> Any:
        """The head as one compiled call (`ops.native.head.Head`); None unless the vocabulary is small, on a CPU."""
        return self._fused.head(self)

    @property
    def are_fused(self) -> tuple[bool, bool]:
        """Whether the layers and the head ran as one compiled call each when they were last used."""
        layers, head = self._fused.last
        return layers is not None, head is not None

    def embed(self, tokens: Tensor) -> Tensor:
        """Token ids [...] -> embeddings [..., D], times sqrt(D) rounded to the weights' type."""
        return self.embed_tokens(tokens) * self.embed_scale

    def expect(self, probabilities: Tensor) -> Tensor:
        """The expected embedding of distributions over the vocabulary, [..., V] -> [..., D]: self-conditioning's input.

        Exact and dense, over the whole vocabulary; `expect_top` approximates it.
        """
        return probabilities.to(self.dtype) @ self.embed_tokens.weight * self.embed_scale

    def expect_top(self, probabilities_NK: Tensor, ids_NK: Tensor) -> Tensor:
        """The expected embedding of N distributions given by K of their entries -> [N, D].

        The probability that the entries leave is spread evenly over the vocabulary, so it weighs the mean embedding.
        """
        weight = self.embed_tokens.weight
        listed_ND = F.embedding_bag(ids_NK, weight, mode="sum", per_sample_weights=probabilities_NK.to(weight.dtype))
        rest_N1 = (1 - probabilities_NK.sum(-1, keepdim=True)).clamp(min=0)
        return (listed_ND + rest_N1.to(weight.dtype) * self._mean_embedding()) * self.embed_scale

    def products(self, hidden: Tensor, start: int = 0, stop: int | None = None, *, row_by_row: bool = False) -> Tensor:
        """Hidden states [..., D] times the embeddings of ids start .. stop -> float32 [..., stop - start].

        These are the logits before the soft cap; `decode.head` reads them block by block. `row_by_row` as in
        `ops.vocabulary_products`.
        """
        weights = (self.embed_tokens.weight, self.first_weight)
        return self._vocabulary.multiply(hidden, *weights, start, stop, row_by_row)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [..., D] -> float32 logits [..., V], `c * tanh(x / c)` with c the soft cap."""
        cap = self.config.final_logit_softcapping
        # A large vocabulary's weights take most of a token's time to read; more rows in the same read cost little.
        joins = may_be_joined() and self._vocabulary.can_share(hidden, self.embed_tokens.weight, self.first_weight)
        products = compute(ProductsCall(network=self, hidden=hidden)) if joins else self.products(hidden)
        if torch.is_grad_enabled():
            return torch.tanh(products / cap) * cap
        return products.div_(cap).tanh_().mul_(cap)

    def encode(
        self,
        tokens_BT: Tensor,
        cache: KVCache,
        lengths: Sequence[int] | None = None,
        keys_only: bool = False,
        *,
        images: Sequence[ImageSpan] = (),
    ) -> Tensor:
        """Causal pass over clean tokens; appends their keys and values to the cache -> hidden [B, T, D].

        Rows of different lengths are padded on the right and their `lengths` given; padding is not committed, and its
        hidden states are meaningless. A text may be encoded in chunks with the same result, unless a chunk ends within
        an image. `keys_only` stops after the last layer's keys and values; the result is then no valid hidden state.
        `images` replace their image tokens, and each image's tokens see each other. Weights, modules and hooks must not
        change while the cache is in use. Raises PromptError when the cache cannot hold the tokens, UsageError for
        images that do not fit them.
        """
        batch, count = tokens_BT.shape
        counts = [count] * batch if lengths is None else list(lengths)
        if len(counts) != cache.batch_size or batch != cache.batch_size:
            raise UsageError(f"A cache of {cache.batch_size} rows cannot take {batch} rows of tokens.")
        if not all(0 <= length <= count for length in counts):
            raise UsageError(f"lengths must be between 0 and the {count} tokens given, not {counts}.")
        cache.require_room(count, scratch=False, counts=counts)
        placed = PlacedImages(images, tokens_BT, counts, self.config) if images else None
        hidden_BTD = self._cached_pass(tokens_BT, cache, count, 0, keys_only=keys_only, images=placed)
        cache.commit(counts)
        return hidden_BTD

    def denoise(
        self, canvas_BL: Tensor, cache: KVCache, soft_BLD: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """Bidirectional pass over a canvas that continues each row's cached tokens -> hidden [B, L, D].

        Every canvas position sees the whole canvas and, on full layers, all cached tokens; on sliding layers the last
        `sliding_window - 1` of these, the same for every position. `soft_BLD` is the self-conditioning signal
        (`expect` of the previous step), None at a canvas' first step. With `rows` ([R], int64, ascending) only these
        canvas positions are computed; the others keep the keys and values of the previous pass -> hidden [B, R, D].
        The cache's lengths do not change; its scratch slots are overwritten.
        """
        batch, length = canvas_BL.shape
        if batch != cache.batch_size:
            raise UsageError(f"A cache of {cache.batch_size} rows cannot take {batch} canvases.")
        cache.require_room(length, scratch=True)
        if rows is not None:
            canvas_BL = canvas_BL[:, rows]
            soft_BLD = None if soft_BLD is None else soft_BLD[:, rows]
        return self._cached_pass(canvas_BL, cache, 0, length, soft_BLD, rows)

    def encode_and_denoise(self, tokens_BT: Tensor, canvas_BL: Tensor, cache: KVCache) -> tuple[Tensor, Tensor]:
        """`encode` of clean tokens and the first `denoise` of the canvas after them, in one pass -> (hidden [B, T, D],
        hidden [B, L, D]).

        A finished canvas is committed in the first step of the next one, so that costs that do not grow with the number
        of rows are paid once. All rows of the cache must hold the same number of tokens. Raises PromptError as `encode`
        does.
        """
        count, length = tokens_BT.shape[1], canvas_BL.shape[1]
        if not cache.uniform or not len(tokens_BT) == len(canvas_BL) == cache.batch_size:
            raise UsageError("Encoding and denoising in one pass needs rows of one length, one for each of the cache.")
        cache.require_room(count, scratch=False)
        cache.require_room(length, scratch=True)
        hidden = self._cached_pass(torch.cat((tokens_BT, canvas_BL), dim=1), cache, count, length)
        cache.commit([count] * cache.batch_size)
        return hidden[:, :count], hidden[:, count:]

    def forward(
        self,
        tokens_BT: Tensor,
        canvas_BL: Tensor,
        soft_BLD: Tensor | None,
        positions: Tensor,
        masks: dict[LayerType, Tensor],
        layer_pass: Callable[..., Tensor] = masked_pass,
    ) -> tuple[Tensor, Tensor]:
        """Clean tokens and noised canvases in one pass without a cache -> (hidden [B, T, D], hidden [B, L, D]).

        `positions` is [B, T + L]. `masks` has one for each layer type: boolean [B, 1, T + L, T + L], clean tokens
        first, True where a query may attend; `train.blocks` makes those of packed examples. `layer_pass` has the
        signature of `masked_pass` and is called once for each layer, in order.
        """
        count, layers = tokens_BT.shape[1], self.all_layers()
        hidden, scalars = self.embed(tokens_BT), self._scalars(count, canvas_BL.shape[1])
        if canvas_BL.shape[1]:
            hidden = torch.cat((hidden, self.self_conditioning(self.embed(canvas_BL), soft_BLD)), dim=1)

        def run(index: int, hidden: Tensor, rotary: tuple[Tensor, Tensor], scalar: Tensor) -> Tensor:
            return layer_pass(layers[index], hidden, rotary, masks[self.config.layers[index].layer_type], scalar)

        hidden = self._run_layers(hidden, positions, scalars, run)
        return hidden[:, :count], hidden[:, count:]

    def _cached_pass(
        self,
        ids_BN: Tensor,
        cache: KVCache,
        clean: int,
        length: int,
        soft_BRD: Tensor | None = None,
        rows: Tensor | None = None,
        keys_only: bool = False,
        images: PlacedImages | None = None,
    ) -> Tensor:
        """A pass over `clean` tokens and then a canvas of `length`, or `rows` of it, after the cache's tokens -> hidden
        [B, N, D]."""
        if cache.keys[0].dtype != self.dtype:
            raise UsageError(
                f"The cache holds {cache.keys[0].dtype} and the network {self.dtype}; make it with dtype=network.dtype."
            )
        held, embedded = cache.length, self.embed(ids_BN)
        start, end = held + clean, held + clean + length
        if images is None and (layers := self.fused_layers(cache)):
            cache.version += 1  # the kernel writes its slots
            if not layers.conditions:
                embedded, soft_BRD = self._conditioned(embedded, clean, soft_BRD), None
            text = TextRows(
                embedded=embedded[0],
                positions=range(held, end) if rows is None else (start + rows).tolist(),
                clean=clean,
                start=start,
                end=end,
                keys=cache.keys,
                values=cache.values,
                soft=soft_BRD,
                first_held=cache.first_held,
            )
            return compute(LayersCall(layers=layers, text=text, keys_only=keys_only))[None].to(self.dtype)
        positions = self._positions(cache, clean + length)[:, slice(None) if rows is None else rows]
        windows = self.config.windows
        masks: dict[LayerType, Tensor | None] = {
            kind: attention_mask(cache, clean, length, window) for kind, window in windows.items()
        }
        if images is not None:
            embedded, masks = images.embed(embedded), images.open_masks(masks, cache)

        def attend(index: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            cache.write(index, key, value, rows)
            kind = self.config.layers[index].layer_type
            return ops.attention(query, *cache.read(index, first_key(cache, windows[kind]), end), masks[kind])

        layers = self.all_layers()

        def run(index: int, hidden: Tensor, rotary: tuple[Tensor, Tensor], scalar: Tensor) -> Tensor:
            layer = layers[index]
            if keys_only and layer is layers[-1]:
                _, key, value = layer.self_attn.project(layer.input_layernorm(hidden), rotary)
                cache.write(index, key, value)
                return hidden
            return layer(hidden, rotary, partial(attend, index), scalar)

        hidden = self._conditioned(embedded, clean, soft_BRD)
        return self._run_layers(hidden, positions, self._scalars(clean, length), run)

    def _conditioned(self, embedded: Tensor, clean: int, soft_BLD: Tensor | None) -> Tensor:
        """Embeddings of `clean` tokens, then of canvas rows; self-conditioning is applied to the canvas rows."""
        if clean == embedded.shape[1]:
            return embedded
        canvas = self.self_conditioning(embedded[:, clean:], soft_BLD)
        return torch.cat((embedded[:, :clean], canvas), dim=1) if clean else canvas

    def _scalars(self, clean: int, canvas: int) -> list[Tensor]:
        """Each layer's scalar: the encoder's for clean tokens, the decoder's for canvas rows."""
        if not canvas or not clean:
            return [layer.decoder_scalar if canvas else layer.encoder_scalar for layer in self.all_layers()]
        is_clean = torch.arange(clean + canvas, device=self.device)[None, :, None] < clean
        return [torch.where(is_clean, layer.encoder_scalar, layer.decoder_scalar) for layer in self.all_layers()]

    def _run_layers(
        self, hidden: Tensor, positions_BT: Tensor, scalars: Sequence[Tensor], run: Callable[..., Tensor]
    ) -> Tensor:
        """Calls `run(index, hidden, rotary tables, scalar)` for every layer, then the final norm."""
        tables: dict[tuple[LayerType, int], tuple[Tensor, Tensor]] = {}
        for index, sizes in enumerate(self.config.layers):
            key = (sizes.layer_type, sizes.head_dim)
            if key not in tables:
                angles = positions_BT[:, None, :, None].float() * self.rotary_frequencies(*key)
                tables[key] = ops.rotary_tables(angles, hidden.dtype)
            hidden = run(index, hidden, tables[key], scalars[index].to(hidden.dtype))
        return self.norm(hidden)

    def weights(self) -> list[Tensor]:
        """All current weights, including the scales of quantised ones."""
        return self._fused.modules(self).weights()

    @property
    def first_weight(self) -> Tensor:
        """A layer weight; all matrices of the layers share its dtype."""
        return self.all_layers()[0].experts.gate_up_proj

    def has_int8_head(self) -> bool:
        """Whether the head multiplies by an int8 copy of the embedding."""
        return is_int8(self.embed_tokens.weight, self.first_weight)

    def all_layers(self) -> list[Layer]:
        """`layers`, with their type."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    @property
    def embed_scale(self) -> float:
        """sqrt(D) rounded to the weights' type."""
        if self.dtype not in self._embed_scales:
            self._embed_scales[self.dtype] = float(torch.tensor(self.config.hidden_size**0.5).to(self.dtype))
        return self._embed_scales[self.dtype]

    def _mean_embedding(self) -> Tensor:
        weight_VD = self.embed_tokens.weight
        return self._mean.get((weight_VD,), lambda: weight_VD.mean(0, dtype=torch.float32).to(self.dtype))

    def rotary_frequencies(self, kind: LayerType, head_dim: int) -> Tensor:
        """Inverse frequencies of one layer type, float32 [head_dim / 2]."""
        key = (kind, head_dim, self.device)
        if key not in self._frequencies:
            rotary = self.config.rotary(kind)
            numbers = (rotary.rope_theta, rotary.partial_rotary_factor, rotary.factor)
            self._frequencies[key] = ops.rotary_frequencies(head_dim, *numbers).to(self.device)
        return self._frequencies[key]

    def _positions(self, cache: KVCache, count: int) -> Tensor:
        starts = torch.tensor(cache.lengths, device=self.device)
        return starts[:, None] + torch.arange(count, device=self.device)
