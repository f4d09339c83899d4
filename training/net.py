"""The networks: U-Nets for the coarse and fine view, the incision and bites, and one for the technique."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from assessor.results import TECHNIQUES

COARSE_CHANNELS = ("row", "log2_length")
FINE_CHANNELS = (
    "incision", "strand", "tail", "middle", "bite_left", "bite_right", "knot",
    "left_dx", "left_dy", "right_dx", "right_dy",
)  # fmt: skip
WIDTHS = {
    "coarse": (16, 32, 48, 64, 96),
    "fine": (32, 48, 64, 96, 128),
    "incision": (12, 16, 24, 32, 48),
    "bites": (12, 16, 24, 32, 48),
}
CHANNELS = {"coarse": len(COARSE_CHANNELS), "fine": len(FINE_CHANNELS), "incision": 1, "bites": 2}


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """(n, 3, h, w) BGR 0 to 1, sides multiples of 32 -> raw maps at h / 2 (at h / 4: coarse)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        c = WIDTHS[kind]
        top = 1 if kind == "coarse" else 0
        self.stem = nn.Sequential(
            nn.Conv2d(3, c[0], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(c[0]),
            nn.ReLU(inplace=True),
        )
        self.down = nn.ModuleList(
            nn.Sequential(_block(c[max(i - 1, 0)], k), _block(k, k)) for i, k in enumerate(c)
        )
        self.up = nn.ModuleList(
            nn.Sequential(_block(c[i] + c[i - 1], c[i - 1]), _block(c[i - 1], c[i - 1]))
            for i in range(len(c) - 1, top, -1)
        )
        self.head = nn.Conv2d(c[top], CHANNELS[kind], 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x - 0.5)
        kept: list[Tensor] = []
        for i, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for i, stage in enumerate(self.up):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = stage(torch.cat([x, kept[-2 - i]], 1))
        return self.head(x)


class TechniqueNet(nn.Module):
    """What `kind.technique_input` gives, (n, 19, h, w) 0 to 1 -> (n, 11, h / 8, w / 8).

    The score of each of TECHNIQUES at a place that sees two to three stitches, and how much it counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _block(19, 16, 2),
            _block(16, 24, 2),
            _block(24, 32),
            _block(32, 64, 2),
            _block(64, 64),
            _block(64, 64),
        )
        self.head = nn.Conv2d(64, len(TECHNIQUES) + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x - 0.5))


def network(kind: str) -> UNet | TechniqueNet:
    """An untrained one: coarse, fine, incision, bites or technique."""
    return TechniqueNet() if kind == "technique" else UNet(kind)
