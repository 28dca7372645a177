"""The network of ``rnn``: a memory of slices, and the probabilities of the phases in the next slice."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from microchar_gan.networks.conditioning import one_hot
from microchar_gan.rnn_settings import RnnSettings

#: Edge of the pattern that is repeated over a slice: the number of the pass in which each voxel is drawn. Few passes
#: are coarse grids, whose voxels are far apart; the last ones lie between known neighbours.
PERIOD = 4
_ORDER = (
    (0, 8, 2, 10),
    (12, 4, 14, 6),
    (3, 11, 1, 9),
    (15, 7, 13, 5),
)
PASSES = PERIOD**2


def passes(rows: int, columns: int, device: torch.device | None = None) -> Tensor:
    """Return the pass in which each voxel of a slice is drawn: (rows, columns), both multiples of `PERIOD`."""
    pattern = torch.tensor(_ORDER, device=device)
    return pattern.repeat(rows // PERIOD, columns // PERIOD)


class SliceNetwork(nn.Module):
    """A convolutional gated recurrent unit (GRU) over slices, and the head that draws the next one, both on a torus.

    Parameters
    ----------
    settings : RnnSettings
    phases : int
    """

    def __init__(self, settings: RnnSettings, phases: int):
        super().__init__()
        w = self.width = settings.width
        self.phases = phases
        self.seen = nn.Sequential(_convolution(phases, w), nn.SiLU(), _convolution(w, w), nn.SiLU())
        self.gates = _convolution(2 * w, 2 * w)
        self.proposal = _convolution(2 * w, w)
        # What is known of the slice, where it is known, and where the voxels of this pass are.
        self.entry = _convolution(w + phases + 2, w)
        self.blocks = nn.ModuleList(_Block(w, dilation=1 + number % 2) for number in range(settings.blocks))
        self.exit = nn.Conv2d(w, phases, 1)

    @staticmethod
    def whole(length: int) -> int:
        """Return the shortest length of an axis of slices that contains a length."""
        return -(-length // PERIOD) * PERIOD

    def blank(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Return the memory before the first slice."""
        weight = self.exit.weight
        return torch.zeros((count, self.width, *shape), dtype=weight.dtype, device=weight.device)

    def remember(self, memory: Tensor, labels: Tensor) -> Tensor:
        """Return the memory after a slice, (B, phases, H, W) of indicators."""
        seen = self.seen(labels)
        update, reset = self.gates(torch.cat([memory, seen], dim=1)).sigmoid().chunk(2, dim=1)
        proposal = self.proposal(torch.cat([reset * memory, seen], dim=1)).tanh()
        return memory + update * (proposal - memory)

    def forward(self, memory: Tensor, labels: Tensor, order: Tensor, number: Tensor) -> Tensor:
        """Return the logits of all voxels of the next slice; those of the pass are meant.

        Parameters
        ----------
        memory : (B, width, H, W)
        labels : (B, phases, H, W)
            Indicators; what belongs to this pass and later ones is not looked at.
        order : (H, W)
            See `passes`.
        number : (B,)
            The pass.
        """
        number = number[:, None, None]
        known, now = (order < number).unsqueeze(1).to(labels), (order == number).unsqueeze(1).to(labels)
        features = self.entry(torch.cat([memory, labels * known, known, now], dim=1))
        for block in self.blocks:
            features = block(features)
        return self.exit(functional.silu(features))


class _Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.first, self.second = _convolution(width, width, dilation), _convolution(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of the next block."""
        return x + self.second(functional.silu(self.first(functional.silu(x))))


def drawn_slice(network: SliceNetwork, memory: Tensor, source: torch.Generator, shift: Tensor | None = None) -> Tensor:
    """Draw the next slice, pass by pass: (B, phases, H, W) of indicators; `shift` (phases,) is added to all logits."""
    count, _, rows, columns = memory.shape
    order = passes(rows, columns, memory.device)
    labels = memory.new_zeros((count, network.phases, rows, columns))
    for number in range(PASSES):
        logits = network(memory, labels, order, torch.full((count,), number, device=memory.device))
        if shift is not None:
            logits = logits + shift[:, None, None]
        # The largest logit after Gumbel noise is a draw from the probabilities.
        waiting = torch.empty_like(logits).exponential_(generator=source)
        drawn = one_hot((logits - waiting.clamp_min(torch.finfo(waiting.dtype).tiny).log()).argmax(1), network.phases)
        labels = torch.where(order == number, drawn, labels)
    return labels


def _convolution(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, padding_mode="circular")
