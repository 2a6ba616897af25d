"""Packing: whole examples laid side by side into rows without padding between them, and the masks that keep them apart.

    one row:   [ example A clean | example B clean | .. | pad ][ A's canvases | B's canvases | .. | pad ]

A canvas block is noise over the answer's tokens i*L .. (i+1)*L at the positions those tokens have. It sees the prompt
and the clean tokens strictly before its first position through the encoder's keys, and itself; never the clean tokens
that it has to restore. The last block is filled up with eos, which is supervised. An example may bring its canvases
several times over (`draws`), each time with noise of its own: one encoding of the prompt then serves several lessons.

Shapes: B rows, T clean slots, S canvas slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Document:
    """One example as ids: prompt, answer (its end token included), its canvas length and its number of noise draws."""

    prompt: Sequence[int]
    answer: Sequence[int]
    canvas_length: int
    draws: int = 1

    @property
    def clean_length(self) -> int:
        """Slots taken in the clean part."""
        return len(self.prompt) + len(self.answer)

    @property
    def canvas_slots(self) -> int:
        """Slots taken in the canvas part: whole canvases, once for each draw."""
        return self.draws * self.slots_per_draw

    @property
    def slots_per_draw(self) -> int:
        """Slots of the canvases that cover the answer once."""
        return -(-len(self.answer) // self.canvas_length) * self.canvas_length


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """Rows of packed examples.

    tokens_BT      clean ids                          positions_BN   positions of clean and canvas slots, N = T + S
    targets_BS     what each canvas slot restores     owner_BN       example number within the row, -1 for padding
    answer_BT      True for answer tokens             start_BS       first position of the slot's canvas
    draw_BS        number of the noise draw within the row, 0 also for padding
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
        """The clean slots alone: S is 0 then."""
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
    """A tensor of the CPU on `device`; to a GPU by way of locked memory, so that the CPU does not wait for it."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def pack(documents: Sequence[Sequence[Document]], clean_length: int, canvas_slots: int, eos_id: int) -> PackedBatch:
    """Lays each row's documents out; the caller has chosen documents that fit (asserted)."""
    rows = len(documents)
    tokens = torch.zeros(rows, clean_length, dtype=torch.long)
    answer = torch.zeros(rows, clean_length, dtype=torch.bool)
    targets = torch.zeros(rows, canvas_slots, dtype=torch.long)
    positions = torch.zeros(rows, clean_length + canvas_slots, dtype=torch.long)
    owner = torch.full((rows, clean_length + canvas_slots), -1, dtype=torch.long)
    start = torch.zeros(rows, canvas_slots, dtype=torch.long)
    draw = torch.zeros(rows, canvas_slots, dtype=torch.long)
    for row, row_documents in enumerate(documents):
        at, canvas_at, draws = 0, 0, 0
        for number, document in enumerate(row_documents):
            prompt_length, total, slots = len(document.prompt), document.clean_length, document.slots_per_draw
            assert at + total <= clean_length and canvas_at + document.canvas_slots <= canvas_slots
            tokens[row, at : at + total] = torch.tensor([*document.prompt, *document.answer])
            answer[row, at + prompt_length : at + total] = True
            positions[row, at : at + total] = torch.arange(total)
            owner[row, at : at + total] = number
            filled = torch.tensor([*document.answer, *[eos_id] * (slots - len(document.answer))])
            offsets = torch.arange(slots)
            for _ in range(document.draws):
                here = slice(canvas_at, canvas_at + slots)
                targets[row, here] = filled
                positions[row, clean_length + canvas_at : clean_length + canvas_at + slots] = prompt_length + offsets
                owner[row, clean_length + canvas_at : clean_length + canvas_at + slots] = number
                start[row, here] = prompt_length + offsets // document.canvas_length * document.canvas_length
                draw[row, here] = draws
                canvas_at, draws = canvas_at + slots, draws + 1
            at += total
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
    """Who may look at whom -> boolean [B, 1, N, N], clean slots first; `window` is that of sliding layers.

    Query clean: keys clean of the same example at 0 <= distance < window.
    Query canvas: keys clean of the same example at 0 < start - position < window, and its own canvas.
    Padding looks at itself only, so that no softmax is empty.
    """
    clean = batch.tokens_BT.shape[1]
    count = batch.positions_BN.shape[1]
    same = batch.owner_BN[:, :, None] == batch.owner_BN[:, None, :]
    same &= batch.owner_BN[:, :, None] >= 0
    # A clean query stands at its own position and may see itself; a canvas stands at its start and may not.
    stand_BN = torch.cat((batch.positions_BN[:, :clean] + 1, batch.start_BS), dim=1)
    distance = stand_BN[:, :, None] - batch.positions_BN[:, None, :clean]
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
