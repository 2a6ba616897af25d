"""Linear layers with weights packed for the machine, once, for all later passes.

A `Matrix` is one weight, float or quantised, ready for products. On a CPU float weights are packed in the panels that
compiled kernels read (without kernels in oneDNN's blocked format); int8 and int4 weights go through integer kernels
(int8 through FBGEMM where there are none), with a kernel of its own for one row of large ones. On a GPU fp8 weights are
multiplied as they are where it can. Small weights stay unpacked, and all other quantised weights are made float for
each product. `Stacked` makes one matrix of several that read the same input. Nothing is packed while gradients are
asked for, so training sees the plain weights. Knows nothing of models.

Shapes: I inputs, O outputs.
"""

import math
import warnings
import weakref
from collections.abc import Callable, Sequence
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
from dgemma.quant import FP8, dequantise, is_quantised

Matrix = Callable[[Tensor], Tensor]
"""[.., I] -> [.., O], in the type of its argument."""

# Below this many entries oneDNN's own overhead (12 to 40 microseconds a call) exceeds what its layout gains. Matrices
# of many outputs gain earlier, as the plain product packs them anew at each call. With one row it is memory that
# decides: what lies in the cache is read faster as it is, and larger matrices belong to models that no cache holds.
_BLOCKED_FROM = 1 << 18
_MANY_OUTPUTS = 512
_MANY_OUTPUTS_BLOCKED_FROM = 1 << 17
_ONE_ROW_BLOCKED_FROM = 1 << 19
# Panels gain over torch's own product from here on: 1.1 to 1.7 times as fast for up to 8 rows, as fast for many.
_PANELS_FROM = 1 << 17
# One row of a quantised weight goes through a compiled kernel from here on, where there is one: two to three times as
# fast as any of torch's products.
_COMPILED_FROM = native.WAITED_FOR_FROM
# Quantised weights are multiplied in integer arithmetic by a compiled kernel from here on; smaller ones gain nothing,
# and models of such do not wait for kernels either.
_INTEGER_FROM = 1 << 15
# The rows that the blocked layout is chosen for; measured equally good for fewer.
_ROWS_HINT = 256
_LAID_OUT = (torch.float32, torch.bfloat16)
_FBGEMM = "fbgemm" in torch.backends.quantized.supported_engines or "x86" in torch.backends.quantized.supported_engines


def matrix(values: Tensor, scale: Tensor | None = None) -> Matrix:
    """The product with one weight [O, I]; with a `scale`, with the quantised one (`dgemma.quant`)."""
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
    if values.numel() >= _PANELS_FROM and (packed := panels([values])) is not None:
        return PanelProduct(packed, [values])
    if _blocked_pays(values):
        blocked = torch.ops.mkldnn._reorder_linear_weight(values.detach(), _ROWS_HINT)
        # The overload itself: choosing it anew costs several microseconds a call.
        blocked_linear = torch.ops.mkldnn._linear_pointwise.default
        if values.numel() >= _ONE_ROW_BLOCKED_FROM:
            return lambda hidden: blocked_linear(hidden, blocked, None, "none", [], "")

        def product(hidden: Tensor) -> Tensor:
            if hidden.numel() == hidden.shape[-1]:
                return F.linear(hidden, values)
            return blocked_linear(hidden, blocked, None, "none", [], "")

        return product
    return lambda hidden: F.linear(hidden, values.to(hidden.dtype))


def panels(weights: Sequence[Tensor]) -> Any:
    """`ops.native.panels.Panels` of weights [O, I] of one input, one below the other, or of one [E, O, I] for each
    expert, float32 or bfloat16; None where there are no kernels for them or the memory is short."""
    if any(one.device.type != "cpu" or one.dtype not in _LAID_OUT or one.requires_grad for one in weights):
        return None
    entries = sum(weight.numel() for weight in weights)
    if not _has_room(sum(weight.nbytes for weight in weights)):
        return None
    compiled = native.load_for("panels", entries)
    return None if compiled is None else compiled.lay_out(*weights)


class PanelProduct:
    """The product with weights of one input that are laid out; of rows that are not float32, or whose gradient is asked
    for, in plain PyTorch. A float32 row's is the same to the last bit whatever rows come with it."""

    def __init__(self, laid_out: Any, weights: Sequence[Tensor]) -> None:
        self._laid_out, self._weights = laid_out, weights

    def __call__(self, hidden: Tensor) -> Tensor:
        if hidden.dtype == torch.float32 and not needs_gradient(hidden):
            return self._laid_out.multiply(hidden)
        return torch.cat([F.linear(hidden, weight.to(hidden.dtype)) for weight in self._weights], dim=-1)


def with_one_row(many: Matrix, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Matrix:
    """`many`, the product with all of the quantised weights side by side, but for one row the compiled one where it
    pays."""
    large = sum(weight.numel() for weight in weights) >= _COMPILED_FROM
    compiled = compiled_products(weights, scales) if large else None
    if compiled is None:
        return many

    def product(hidden: Tensor) -> Tensor:
        if hidden.numel() == hidden.shape[-1] and hidden.dtype == torch.float32:
            return compiled.multiply(hidden, weights, scales)
        return many(hidden)

    return product


def compiled_products(weights: Sequence[Tensor], scales: Sequence[Tensor]) -> ModuleType | None:
    """`ops.native.products`, if this machine has it and it knows weights and scales of this kind."""
    # Small ones are not waited for.
    large = sum(weight.numel() for weight in weights) >= _COMPILED_FROM
    known = _are_integers_in_place(weights, scales)
    return native.load("products") if known and (large or native.is_ready("products")) else None


def compiled_rows(weights: Sequence[Tensor], scales: Sequence[Tensor | None]) -> ModuleType | None:
    """`ops.native.quantised`, if this machine has it and these are int8 or int4 weights that gain by it."""
    entries = sum(weight.numel() for weight in weights)
    if entries < _INTEGER_FROM or not _are_integers_in_place(weights, scales):
        return None
    compiled = native.load_for("quantised", entries)
    return compiled if compiled is not None and all(map(compiled.multiplies, weights)) else None


def _are_integers_in_place(weights: Sequence[Tensor], scales: Sequence[Tensor | None]) -> bool:
    """Whether these are int8 weights, or int4 ones, that kernels read where they lie."""
    in_place = all(weight.device.type == "cpu" and weight.is_contiguous() for weight in weights)
    of_one_kind = weights[0].dtype in (torch.int8, torch.uint8) and len({weight.dtype for weight in weights}) == 1
    return in_place and of_one_kind and all(scale is not None and _is_kept(scale) for scale in scales)


def _by_integers(compiled: ModuleType, weights: Sequence[Tensor], scales: Sequence[Tensor]) -> Matrix:
    """The product by `ops.native.quantised`; where a gradient is asked for, which a kernel has none of, in float."""

    def product(hidden: Tensor) -> Tensor:
        if needs_gradient(hidden):
            pairs = zip(weights, scales, strict=True)
            return torch.cat([F.linear(hidden, dequantise(*pair, hidden.dtype)) for pair in pairs], dim=-1)
        return compiled.multiply(hidden.float(), weights, scales).to(hidden.dtype)

    return product


def needs_gradient(hidden: Tensor) -> bool:
    """Whether what is made of these hidden states is to be differentiated."""
    return torch.is_grad_enabled() and hidden.requires_grad


def gains_by_int8(weight: Tensor) -> bool:
    """Whether a CPU multiplies with this weight faster when it is int8: x86 does, and small ones gain nothing."""
    return _FBGEMM and weight.numel() >= _INTEGER_FROM


def _is_kept(scale: Tensor) -> bool:
    """Not so where a network was moved to another type and took its scales along."""
    return scale.dtype == torch.float32 and scale.is_contiguous()


def _int8(values_OI: Tensor, scale_O: Tensor) -> Matrix:
    """FBGEMM's product: activations are quantised anew for each call, one scale for all of them."""
    with warnings.catch_warnings():
        # torch means to move these to torchao; the operator itself stays.
        warnings.simplefilter("ignore", UserWarning)
        zeros_O = torch.zeros(len(scale_O), dtype=torch.long)
        quantised = torch._make_per_channel_quantized_tensor(  # pyright: ignore[reportPrivateImportUsage]
            values_OI, scale_O.double(), zeros_O, 0
        )
        packed = torch.ops.quantized.linear_prepack(quantised, None)
    dynamic_linear = torch.ops.quantized.linear_dynamic.default

    def product(hidden: Tensor) -> Tensor:
        # FBGEMM takes float32 and rows; reduce_range keeps sums of products below 16 bits, which AVX2 needs.
        rows = hidden.reshape(-1, hidden.shape[-1]).float()
        # It makes numbers of those that are none. A sum of numbers may be too large to be one.
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
    # The layout is a copy: not where memory is short.
    return _has_room(values.nbytes)


def _has_room(num_bytes: int) -> bool:
    return available_bytes() > 2 * num_bytes + (1 << 30)


_version, _trained = attrgetter("_version"), attrgetter("requires_grad")


def _count_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    """Fused optimisers write weights without counting it, as every other operation does. Gradients may be gone by now,
    so that all count which may have had one."""
    trained = [weight for group in optimizer.param_groups for weight in group["params"] if weight.requires_grad]
    if trained:
        increment_version(trained)


register_optimizer_step_post_hook(_count_step)


class WeightCache:
    """A value made from weights, kept until one of them is replaced, moved, written to or begins or ends to be
    trained. Copies start empty. What was made without kernels, for want of them, is made anew when some have arrived.

    What is written through `weight.data` leaves no trace and is not seen. `value` is what was kept last, looked up
    without asking whether it still holds.
    """

    def __init__(self) -> None:
        self._key: tuple[int, ...] = ()
        # Another weight may come to have the id and the address of one that is gone.
        self._gone: list[weakref.ref] = []
        # Held so that they call back.
        self._alive: list[weakref.ref] = []
        self._until: int | None = None
        self.value: Any = None

    def get(self, weights: Sequence[Tensor], make: Callable[[], Any]) -> Any:
        """The kept value, or a new one."""
        try:
            versions = tuple(map(_version, weights))
        except RuntimeError:  # tensors made in inference mode do not count
            versions = tuple(0 if weight.is_inference() else weight._version for weight in weights)
        key = (*map(id, weights), *map(Tensor.data_ptr, weights), *map(_trained, weights), *versions)
        if self._gone or key != self._key or self._until not in (None, native.arrivals):
            arrivals, refusals = native.arrivals, native.refusals
            self.value, self._key, self._gone = make(), key, []
            self._alive = [weakref.ref(weight, self._gone.append) for weight in weights]
            self._until = None if native.refusals == refusals else arrivals
        return self.value

    def __deepcopy__(self, memo: dict) -> "WeightCache":
        return WeightCache()

    def __reduce__(self) -> tuple:
        return WeightCache, ()


class Stacked:
    """Linear layers of one input as one product: `stacked(hidden)` gives one output for each, views of one tensor.

    Layers go by the names that a module has for them, so that one that is replaced is seen; one of another kind or with
    hooks, and all beside it, are called as they are.
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

    def joined(self, hidden: Tensor) -> Tensor:
        """All outputs side by side, for layers that `are_laid_out`."""
        return self._product(hidden.dtype)(hidden)

    def are_laid_out(self) -> bool:
        """Whether these are one product."""
        layers = self._layers()
        return all(map(is_plain, layers)) and laid_out(layers[0].weight)

    def panels(self) -> Any:
        """The weights laid out for compiled kernels, one below the other; None where they cannot be."""
        weights = [layer.weight for layer in self._layers()]
        return self._panels.get(weights, lambda: panels(weights))

    def _layers(self) -> list[nn.Linear]:
        """Those that are there: a full attention layer has no value projection."""
        return [layer for name in self._names if (layer := self._modules.get(name)) is not None]  # pyright: ignore[reportReturnType]

    def _product(self, dtype: torch.dtype) -> Matrix:
        return self._kept.get(self._all(), lambda: self._make(dtype))

    def _all(self) -> list[Tensor]:
        """The weights, and behind them the scales of quantised ones."""
        layers = self._layers()
        scales = [scale_of(layer, "weight") for layer in layers]
        return [layer.weight for layer in layers] + [scale for scale in scales if scale is not None]

    def _make(self, dtype: torch.dtype) -> Matrix:
        """For rows of that type."""
        values = [layer.weight for layer in self._layers()]
        scales = self._all()[len(values) :]
        if not scales:
            large = sum(weight.numel() for weight in values) >= _PANELS_FROM and dtype == torch.float32
            if large and (packed := self.panels()) is not None:
                return PanelProduct(packed, values)
            return matrix(values[0] if len(values) == 1 else torch.cat(values))
        if (compiled := compiled_rows(values, scales)) is not None:
            many = _by_integers(compiled, values, scales)
        else:
            many = matrix(torch.cat(values), torch.cat(scales))
        return with_one_row(many, values, scales)


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer is its weight's product and no more: no adapter in its place or around it, no bias, no hooks."""
    if type(layer) is not nn.Linear or layer.bias is not None or "forward" in vars(layer):
        return False
    return not (
        layer._forward_hooks
        or layer._forward_pre_hooks
        or torch_module._global_forward_hooks
        or torch_module._global_forward_pre_hooks
    )


def laid_out(weight: Tensor) -> bool:
    """Whether products with this weight go through a `Matrix`: on a CPU outside training, and wherever quantised."""
    if is_quantised(weight):
        return True
    return weight.device.type == "cpu" and not weight.requires_grad


def scale_of(module: nn.Module, name: str) -> Tensor | None:
    """The scale beside the quantised parameter `name`; None for one that is not quantised."""
    return getattr(module, f"{name}_scale", None)
