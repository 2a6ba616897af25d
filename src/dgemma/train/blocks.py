"""Packing of whole examples into rows, without padding between them, and the attention masks that separate them.

    one row:   [ example A clean | example B clean | .. | pad ][ A's canvases | B's canvases | .. | pad ]

Canvas i of length L covers the answer's tokens i*L .. (i+1)*L with noise, at the positions of those tokens. It attends
to itself and to the clean tokens of its example before its first position, never to the tokens that it must restore.
The last canvas is padded with eos, which is supervised too. An example may have several noise draws (`draws`), each
with its own copy of the canvases: one encoding of the prompt then serves several of them.

Shapes: B rows, T clean slots, S canvas slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Document:
    """One example as token ids, the answer with its end token; its canvas length and number of noise draws."""

    prompt: Sequence[int]
    answer: Sequence[int]
    canvas_length: int
    draws: int = 1

    @property
    def clean_length(self) -> int:
        """Slots that it takes in the clean part."""
        return len(self.prompt) + len(self.answer)

    @property
    def canvas_slots(self) -> int:
        """Slots that it takes in the canvas part: whole canvases, once per noise draw."""
        return self.draws * self.slots_per_draw

    @property
    def slots_per_draw(self) -> int:
        """Slots that cover the answer once with whole canvases."""
        return -(-len(self.answer) // self.canvas_length) * self.canvas_length


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """Rows of packed examples.

    tokens_BT      clean ids                          positions_BN   positions of clean and canvas slots, N = T + S
    targets_BS     the clean id of each canvas slot   owner_BN       example number within the row, -1 for padding
    answer_BT      True for answer tokens             start_BS       first position of the slot's canvas
    draw_BS        number of the noise draw within the row, 0 for padding too
    """

    tokens_BT: Tensor
    targets_BS: Tensor
    answer_BT: Tensor
    positions_BN: Tensor
    owner_BN: Tensor
    start_BS: Tensor
    draw_BS: Tensor

    def to(self, device: torch.device) -> "PackedBatch":
        """The same batch on `device`."""
        return PackedBatch(**{item.name: sent(getattr(self, item.name), device) for item in fields(self)})

    def without_canvases(self) -> "PackedBatch":
        """The clean slots only: a batch with S = 0."""
        clean = self.tokens_BT.shape[1]
        return replace(
            self,
            targets_BS=self.targets_BS[:, :0],
            positions_BN=self.positions_BN[:, :clean],
            owner_BN=self.owner_BN[:, :clean],
            start_BS=self.start_BS[:, :0],
            draw_BS=self.draw_BS[:, :0],
        )


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """Copies a CPU tensor to `device`; to a GPU through pinned memory, so that the CPU does not wait."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def pack(documents: Sequence[Sequence[Document]], clean_length: int, canvas_slots: int, eos_id: int) -> PackedBatch:
    """Packs the documents of each row; the caller chooses documents that fit (asserted)."""
    rows = len(documents)
    tokens = torch.zeros(rows, clean_length, dtype=torch.long)
    answer = torch.zeros(rows, clean_length, dtype=torch.bool)
    targets = torch.zeros(rows, canvas_slots, dtype=torch.long)
    positions = torch.zeros(rows, clean_length + canvas_slots, dtype=torch.long)
    owner = torch.full((rows, clean_length + canvas_slots), -1, dtype=torch.long)
    start = torch.zeros(rows, canvas_slots, dtype=torch.long)
    draw = torch.zeros(rows, canvas_slots, dtype=torch.long)
    for row, row_documents in enumerate(documents):
        clean_end, canvas_end, draws = 0, 0, 0
        for number, document in enumerate(row_documents):
            prompt_length, total, slots = len(document.prompt), document.clean_length, document.slots_per_draw
            assert clean_end + total <= clean_length and canvas_end + document.canvas_slots <= canvas_slots
            clean = slice(clean_end, clean_end + total)
            tokens[row, clean] = torch.tensor([*document.prompt, *document.answer])
            answer[row, clean_end + prompt_length : clean_end + total] = True
            positions[row, clean] = torch.arange(total)
            owner[row, clean] = number
            padded_answer = torch.tensor([*document.answer, *[eos_id] * (slots - len(document.answer))])
            offsets = torch.arange(slots)
            for _ in range(document.draws):
                canvas = slice(canvas_end, canvas_end + slots)
                both = slice(clean_length + canvas_end, clean_length + canvas_end + slots)
                targets[row, canvas] = padded_answer
                positions[row, both] = prompt_length + offsets
                owner[row, both] = number
                start[row, canvas] = prompt_length + offsets // document.canvas_length * document.canvas_length
                draw[row, canvas] = draws
                canvas_end, draws = canvas_end + slots, draws + 1
            clean_end += total
    return PackedBatch(
        tokens_BT=tokens,
        targets_BS=targets,
        answer_BT=answer,
        positions_BN=positions,
        owner_BN=owner,
        start_BS=start,
        draw_BS=draw,
    )


def block_mask(batch: PackedBatch, window: int | None) -> Tensor:
    """The attention mask as booleans [B, 1, N, N], clean slots first; `window` is that of sliding layers.

    A clean query sees clean keys of its example at 0 <= distance < window.
    A canvas query sees clean keys of its example at 0 < start - position < window, and its own canvas.
    Padding sees itself only, so that no softmax is empty.
    """
    clean = batch.tokens_BT.shape[1]
    count = batch.positions_BN.shape[1]
    same = batch.owner_BN[:, :, None] == batch.owner_BN[:, None, :]
    same &= batch.owner_BN[:, :, None] >= 0
    # First position that a query may not see: the one after a clean query's own, the start of a canvas query's canvas.
    limit_BN = torch.cat((batch.positions_BN[:, :clean] + 1, batch.start_BS), dim=1)
    distance = limit_BN[:, :, None] - batch.positions_BN[:, None, :clean]
    sees_clean = distance > 0
    if window is not None:
        is_clean = (torch.arange(count, device=distance.device) < clean)[None, :, None]
        sees_clean &= torch.where(is_clean, distance <= window, distance < window)
    sees_canvas = torch.zeros_like(same[:, :, clean:])
    sees_canvas[:, clean:] = (batch.start_BS[:, :, None] == batch.start_BS[:, None, :]) & (
        batch.draw_BS[:, :, None] == batch.draw_BS[:, None, :]
    )
    mask = same & torch.cat((sees_clean, sees_canvas), dim=2)
    mask |= torch.eye(count, dtype=torch.bool, device=mask.device)
    return mask[:, None]
