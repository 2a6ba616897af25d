"""Linear layers whose weights are laid out once for the machine and reused by all later passes.

`matrix` returns the product with one weight, `Stacked` the product with several weights that read the same input. Which
kernel runs depends on the weight:

    float on a CPU         panels for compiled kernels; without kernels oneDNN's blocked format; small ones as they are
    int8, int4 on a CPU    compiled integer kernels, another one for a single row; int8 without kernels: FBGEMM
    fp8 on a GPU           fp8 products from compute capability 8.9 on
    otherwise quantised    dequantised for each product

Nothing is laid out while gradients are required, so training sees the plain weights. Knows nothing of models.

Shapes: I inputs, O outputs.
"""

import math
import warnings
import weakref
from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from torch.nn.modules import module as torch_module
from torch.optim.optimizer import register_optimizer_step_post_hook

from dgemma.errors import NotFiniteError
from dgemma.memory import available_bytes
from dgemma.ops import cuda, native
from dgemma.ops.native.sizes import BFLOAT16_PAIRS, FIXED24
from dgemma.quant import FP8, dequantise, is_quantised

Matrix = Callable[[Tensor], Tensor]
"""[.., I] -> [.., O], in the type of its argument."""

# Below this number of entries oneDNN's overhead (12 to 40 microseconds a call) exceeds the gain of its layout. Matrices
# with many outputs gain earlier, because the plain product packs them at each call. A single row is bound by memory: a
# matrix that fits the cache is read faster in the plain layout; larger ones belong to models that no cache holds.
_BLOCKED_FROM = 1 << 18
_MANY_OUTPUTS = 512
_MANY_OUTPUTS_BLOCKED_FROM = 1 << 17
_ONE_ROW_BLOCKED_FROM = 1 << 19
# From this number of entries on panels beat torch's product: 1.1 to 1.7 times as fast for up to 8 rows, equal for many.
_PANELS_FROM = 1 << 17
# From this number of entries on one row times a quantised weight uses a compiled kernel if there is one: two to three
# times as fast as any of torch's products.
_COMPILED_FROM = native.WAITED_FOR_FROM
# From this number of entries on quantised weights use a compiled integer kernel. Smaller ones gain nothing, and models
# that have only small ones do not wait for kernels to compile.
_INTEGER_FROM = 1 << 15
# The number of rows that oneDNN optimises the blocked layout for; measured as fast for fewer.
_ROWS_HINT = 256
PANEL_TYPES = (torch.float32, torch.bfloat16)
"""The types of weights and rows that compiled float kernels multiply."""
_FBGEMM = "fbgemm" in torch.backends.quantized.supported_engines or "x86" in torch.backends.quantized.supported_engines


def matrix(
    values: Tensor, scale: Tensor | None = None, may_round: bool = False, rows: torch.dtype = torch.float32
) -> Matrix:
    """The product of `rows` of a type with one weight [O, I], which is quantised (`dgemma.quant`) if there is a
    `scale`. It sees every bit of a float weight, unless it `may_round` it to 24 bits (`ops.native.panels`)."""
    if scale is not None:
        if (compiled := compiled_rows([values], [scale])) is not None:
            return _by_integers(compiled, [values], [scale])
        if values.dtype == torch.int8 and values.device.type == "cpu" and _FBGEMM:
            return _int8(values, scale)
        if values.dtype == FP8 and cuda.multiplies_fp8(values):
            return lambda hidden: cuda.fp8_linear(hidden, values, scale)
        compiled = compiled_products([values], [scale]) if values.dtype == torch.uint8 else None
        if compiled is not None:
            return lambda hidden: F.linear(hidden, compiled.dequantise_int4(values, scale).to(hidden.dtype))
        return lambda hidden: F.linear(hidden, dequantise(values, scale, hidden.dtype))
    large = values.numel() >= _PANELS_FROM and rows in PANEL_TYPES
    if large and (packed := panels([values], exact=not may_round, rows=rows)) is not None:
        return PanelProduct(packed, [values], may_round)
    if _blocked_pays(values):
        blocked = torch.ops.mkldnn._reorder_linear_weight(values.detach(), _ROWS_HINT)
        # The overload itself: resolving it costs several microseconds a call.
        blocked_linear = torch.ops.mkldnn._linear_pointwise.default
        rows_blocked = values.numel() >= _ONE_ROW_BLOCKED_FROM

        def product(hidden: Tensor) -> Tensor:
            # The blocked product has no gradient.
            if needs_gradient(hidden) or (hidden.numel() == hidden.shape[-1] and not rows_blocked):
                return F.linear(hidden, values)
            return blocked_linear(hidden, blocked, None, "none", [], "")

        return product
    return lambda hidden: F.linear(hidden, values.to(hidden.dtype))


def panels(weights: Sequence[Tensor], exact: bool = False, rows: torch.dtype = torch.float32) -> Any:
    """`ops.native.panels.Panels` of float32 or bfloat16 weights; None without kernels for them, or without the memory.

    The weights are [O, I] with the same input, concatenated along O, or a single [E, O, I] with one for each expert.
    With `exact` the panels hold every bit of them. `rows` is the type of the rows, float32 or bfloat16.
    """
    if any(one.device.type != "cpu" or one.dtype not in PANEL_TYPES or one.requires_grad for one in weights):
        return None
    entries = sum(weight.numel() for weight in weights)
    if not _has_room(sum(weight.nbytes for weight in weights)):
        return None
    compiled = native.load_for("panels", entries)
    return None if compiled is None else compiled.lay_out(*weights, exact=exact, rows=rows)


class PanelProduct:
    """The product with weights that are laid out as panels, in which a row's result is bit for bit the same whatever
    other rows are multiplied with it.

    Rows are multiplied in plain PyTorch if they require a gradient or are neither float32 nor bfloat16; float32 ones
    also if the panels would round them, or have rounded weights although the product may not (`may_round`).
    """

    def __init__(self, laid_out: Any, weights: Sequence[Tensor], may_round: bool = False) -> None:
        self._laid_out, self._weights = laid_out, weights
        takes_float32 = laid_out.panel_format != BFLOAT16_PAIRS and (may_round or laid_out.is_exact)
        self._row_types = PANEL_TYPES if takes_float32 else (torch.bfloat16,)

    def takes(self, hidden: Tensor) -> bool:
        """Whether these rows are multiplied with the panels."""
        return hidden.dtype in self._row_types and not needs_gradient(hidden)

    def __call__(self, hidden: Tensor) -> Tensor:
        if self.takes(hidden):
            return self.row_by_row(hidden).to(hidden.dtype)
        return torch.cat([F.linear(hidden, weight.to(hidden.dtype)) for weight in self._weights], dim=-1)

    def row_by_row(self, hidden: Tensor) -> Tensor:
        """The product with float32 or bfloat16 rows, each bit for bit as if it were the only one -> float32."""
        return self._laid_out.multiply(hidden)


class QuantisedProduct:
    """The product with quantised weights side by side: `many`, which may round its rows, except that a single float32
    row goes through a compiled kernel that does not."""

    def __init__(self, many: Matrix, compiled: ModuleType, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> None:
        self._many, self._compiled, self._weights, self._scales = many, compiled, weights, scales

    def __call__(self, hidden: Tensor) -> Tensor:
        is_row = hidden.numel() == hidden.shape[-1] and hidden.dtype == torch.float32
        return self.row_by_row(hidden) if is_row and not needs_gradient(hidden) else self._many(hidden)

    def row_by_row(self, hidden: Tensor) -> Tensor:
        """The product with float32 rows, each bit for bit as if it were the only one."""
        return self._compiled.multiply(hidden, self._weights, self._scales)


def with_one_row(many: Matrix, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Matrix:
    """`QuantisedProduct` for large weights if this machine has the kernel, else `many`."""
    large = sum(weight.numel() for weight in weights) >= _COMPILED_FROM
    compiled = compiled_products(weights, scales) if large else None
    return many if compiled is None else QuantisedProduct(many, compiled, weights, scales)


def compiled_products(weights: Sequence[Tensor], scales: Sequence[Tensor]) -> ModuleType | None:
    """`ops.native.products`, if this machine has it and it supports these weights and scales."""
    # Small weights do not wait for the kernel to compile.
    large = sum(weight.numel() for weight in weights) >= _COMPILED_FROM
    known = _are_integers_in_place(weights, scales)
    return native.load("products") if known and (large or native.is_ready("products")) else None


def compiled_rows(weights: Sequence[Tensor], scales: Sequence[Tensor | None]) -> ModuleType | None:
    """`ops.native.quantised`, if this machine has it and these are int8 or int4 weights that gain from it."""
    entries = sum(weight.numel() for weight in weights)
    if entries < _INTEGER_FROM or not _are_integers_in_place(weights, scales):
        return None
    compiled = native.load_for("quantised", entries)
    return compiled if compiled is not None and all(map(compiled.multiplies, weights)) else None


def _are_integers_in_place(weights: Sequence[Tensor], scales: Sequence[Tensor | None]) -> bool:
    """Whether these are all int8 or all int4 weights that kernels can read in place."""
    in_place = all(weight.device.type == "cpu" and weight.is_contiguous() for weight in weights)
    of_one_kind = weights[0].dtype in (torch.int8, torch.uint8) and len({weight.dtype for weight in weights}) == 1
    return in_place and of_one_kind and all(scale is not None and _is_kept(scale) for scale in scales)


def _by_integers(compiled: ModuleType, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Matrix:
    """The product by `ops.native.quantised`; dequantised if a gradient is required, which the kernel does not have."""

    def product(hidden: Tensor) -> Tensor:
        if needs_gradient(hidden):
            pairs = zip(weights, scales, strict=True)
            return torch.cat([F.linear(hidden, dequantise(*pair, hidden.dtype)) for pair in pairs], dim=-1)
        return compiled.multiply(hidden.float(), weights, scales).to(hidden.dtype)

    return product


def needs_gradient(hidden: Tensor) -> bool:
    """Whether results computed from these hidden states require a gradient."""
    return torch.is_grad_enabled() and hidden.requires_grad


def gains_by_int8(weight: Tensor) -> bool:
    """Whether a CPU multiplies by an int8 copy of this weight faster: x86 does, unless the weight is small."""
    return _FBGEMM and weight.numel() >= _INTEGER_FROM


def _is_kept(scale: Tensor) -> bool:
    """Whether a scale is as `quant` made it; `network.to(dtype)` converts scales as well."""
    return scale.dtype == torch.float32 and scale.is_contiguous()


def _int8(values_OI: Tensor, scale_O: Tensor) -> Matrix:
    """FBGEMM's product: activations are quantised at each call, with one scale for all of them."""
    with warnings.catch_warnings():
        # torch deprecates these functions in favour of torchao; the operator itself stays.
        warnings.simplefilter("ignore", UserWarning)
        zeros_O = torch.zeros(len(scale_O), dtype=torch.long)
        quantised = torch._make_per_channel_quantized_tensor(  # pyright: ignore[reportPrivateImportUsage]
            values_OI, scale_O.double(), zeros_O, 0
        )
        packed = torch.ops.quantized.linear_prepack(quantised, None)
    dynamic_linear = torch.ops.quantized.linear_dynamic.default

    def product(hidden: Tensor) -> Tensor:
        if needs_gradient(hidden):
            return F.linear(hidden, dequantise(values_OI, scale_O, hidden.dtype))
        # FBGEMM takes float32 and rows; reduce_range keeps sums of products below 16 bits, which AVX2 needs.
        rows = hidden.reshape(-1, hidden.shape[-1]).float()
        # FBGEMM makes finite numbers of NaN and infinities. The sum is a quick check: it may overflow for finite rows.
        if not math.isfinite(float(rows.sum())) and not bool(rows.isfinite().all()):
            raise NotFiniteError
        found = dynamic_linear(rows, packed, True) if len(rows) else rows.new_empty(0, len(scale_O))
        return found.view(*hidden.shape[:-1], len(scale_O)).to(hidden.dtype)

    return product


def _blocked_pays(values: Tensor) -> bool:
    enough = _MANY_OUTPUTS_BLOCKED_FROM if values.shape[0] >= _MANY_OUTPUTS else _BLOCKED_FROM
    if values.device.type != "cpu" or values.dtype != torch.float32 or values.numel() < enough:
        return False
    if not torch.backends.mkldnn.is_available():
        return False
    # The layout is a copy, so it needs memory.
    return _has_room(values.nbytes)


def _has_room(num_bytes: int) -> bool:
    return available_bytes() > 2 * num_bytes + (1 << 30)


_version, _trained = attrgetter("_version"), attrgetter("requires_grad")


def _count_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Counts an optimiser's step in its weights' versions, as fused optimisers do not. Gradients may have been cleared
    by now, so every trainable weight is counted."""
    trained = [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]
    if trained:
        increment_version(trained)


register_optimizer_step_post_hook(_count_step)


class WeightCache:
    """A value computed from weights, kept until one of them is replaced, moved, written to, frozen or unfrozen.

    A value that was computed while kernels were missing is computed again once they have arrived. A copy of a cache
    starts empty. Writes through `weight.data` leave no trace and are not noticed. `value` is the last value, without
    checking that it is still valid.
    """

    def __init__(self) -> None:
        self._key: tuple[Hashable, ...] = ()
        # A new weight may have the id and the address of one that was freed.
        self._gone: list[weakref.ref] = []
        # References must be kept for their callbacks to run.
        self._alive: list[weakref.ref] = []
        self._until: int | None = None
        self.value: Any = None

    def get(self, weights: Sequence[Tensor], make: Callable[[], Any], kind: Hashable = None) -> Any:
        """The kept value if it is valid and of this kind, else `make()`."""
        try:
            versions = tuple(map(_version, weights))
        except RuntimeError:  # tensors made in inference mode have no version
            versions = tuple(0 if weight.is_inference() else weight._version for weight in weights)
        key = (kind, *map(id, weights), *map(Tensor.data_ptr, weights), *map(_trained, weights), *versions)
        if self._gone or key != self._key or self._until not in (None, native.arrivals):
            arrivals, refusals = native.arrivals, native.refusals
            with_gradients = torch.is_grad_enabled()
            # A tensor that is made in inference mode could not be used in a pass with gradients later.
            with torch.inference_mode(False), torch.set_grad_enabled(with_gradients):
                self.value, self._key, self._gone = make(), key, []
            self._alive = [weakref.ref(weight, self._gone.append) for weight in weights]
            self._until = None if native.refusals == refusals else arrivals
        return self.value

    def __deepcopy__(self, memo: dict) -> "WeightCache":
        return WeightCache()

    def __reduce__(self) -> tuple:
        return WeightCache, ()


class Stacked:
    """Linear layers with the same input as one product: `stacked(hidden)` returns the output of each, views of one
    tensor.

    Layers are looked up by name at each call, so that a replaced one is noticed. If one of them is not a plain
    `nn.Linear` (an adapter, a hook), all are called as modules.
    """

    def __init__(self, owner: nn.Module, *names: str) -> None:
        self._modules, self._names = owner._modules, names
        self._kept, self._panels = WeightCache(), WeightCache()

    def __call__(self, hidden: Tensor) -> tuple[Tensor, ...]:
        layers = self._layers()
        if not all(map(is_plain, layers)):
            return tuple(layer(hidden) for layer in layers)
        weights = [layer.weight for layer in layers]
        if not laid_out(weights[0]):
            return tuple(F.linear(hidden, weight.to(hidden.dtype)) for weight in weights)
        product = self._product(hidden.dtype)
        if len(weights) == 1:
            return (product(hidden),)
        return product(hidden).split([weight.shape[0] for weight in weights], dim=-1)

    def panels(self, rows: torch.dtype = torch.float32) -> Any:
        """The weights laid out for compiled kernels and rows of this type (float32 or bfloat16), concatenated along O;
        None where they cannot be."""
        weights = [layer.weight for layer in self._layers()]
        return self._panels.get(weights, lambda: panels(weights, rows=rows), rows)

    def _exact_panels(self, weights: Sequence[Tensor], rows: torch.dtype) -> Any:
        """Panels with every bit of the weights: those of `panels`, or others where these lose bits."""
        if all(weight.dtype == torch.float32 for weight in weights):
            compiled = native.load_for("panels", sum(weight.numel() for weight in weights))
            if compiled is not None and compiled.format_for(*weights) == FIXED24:
                return panels(weights, exact=True)
        return self.panels(rows)

    def _layers(self) -> list[nn.Linear]:
        """The layers that exist: a full attention layer has no value projection."""
        return [layer for name in self._names if (layer := self._modules.get(name)) is not None]  # pyright: ignore[reportReturnType]

    def _product(self, dtype: torch.dtype) -> Matrix:
        return self._kept.get(self._all(), lambda: self._make(dtype), dtype)

    def _all(self) -> list[Tensor]:
        """The weights, followed by the scales of quantised ones."""
        layers = self._layers()
        scales = [scale_of(layer, "weight") for layer in layers]
        return [layer.weight for layer in layers] + [scale for scale in scales if scale is not None]

    def _make(self, dtype: torch.dtype) -> Matrix:
        """The product with all weights for rows of this dtype."""
        values = [layer.weight for layer in self._layers()]
        scales = self._all()[len(values) :]
        if not scales:
            large = sum(weight.numel() for weight in values) >= _PANELS_FROM and dtype in PANEL_TYPES
            if large and (packed := self._exact_panels(values, dtype)) is not None:
                return PanelProduct(packed, values)
            return matrix(values[0] if len(values) == 1 else torch.cat(values), rows=dtype)
        if (compiled := compiled_rows(values, scales)) is not None:
            many = _by_integers(compiled, values, scales)
        else:
            many = matrix(torch.cat(values), torch.cat(scales))
        return with_one_row(many, values, scales)


def is_plain(layer: nn.Module) -> bool:
    """Whether calling a layer is the same as multiplying by its weight: no adapter, no bias, no hooks."""
    return type(layer) is nn.Linear and layer.bias is None and not is_intercepted(layer)


def is_intercepted(module: nn.Module) -> bool:
    """Whether calling a module does more than its class' `forward`: a forward of its own, or hooks."""
    return bool(
        "forward" in vars(module)
        or module._forward_hooks
        or module._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
    )


def laid_out(weight: Tensor) -> bool:
    """Whether products with this weight use a laid out copy: on a CPU outside training, and always if quantised."""
    if is_quantised(weight):
        return True
    return weight.device.type == "cpu" and not weight.requires_grad


def scale_of(module: nn.Module, name: str) -> Tensor | None:
    """The scale of the quantised parameter `name`; None for one that is not quantised."""
    return getattr(module, f"{name}_scale", None)
