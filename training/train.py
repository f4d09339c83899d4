"""Train one of the networks on rendered pads, checkpointing; resumes where it stopped.

    python -m training.train fine --minutes 60

Works on a CPU (bfloat16, channels last) and, faster, on a GPU.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.data import augment, start_pool
from training.net import network

RUNS = Path(__file__).parent / "runs"
START = Path(__file__).parent / "start"  # what the shipped networks were exported from


def checkpoint(kind: str) -> Path:
    """Where training of a network stands: its last run, else what ships."""
    path = RUNS / f"{kind}.pt"
    return path if path.exists() else START / path.name


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Penalty-reduced focal loss of peaks (Zhou, Objects as Points, 2019), a number a channel."""
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    hit = (target > 0.86).float()
    loss = hit * (1 - p) ** 2 * torch.log(p) + (1 - hit) * (1 - target) ** 4 * p**2 * torch.log(1 - p)
    return -loss.sum((0, 2, 3)) / hit.sum((0, 2, 3)).clamp(min=4)


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross entropy plus Dice, a number a channel."""
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((0, 2, 3))
    p = torch.sigmoid(logits)
    dice = 1 - (2 * (p * target).sum((0, 2, 3)) + 8) / ((p + target).sum((0, 2, 3)) + 8)
    return 3 * ce + dice


def value_loss(out: Tensor, target: Tensor) -> Tensor:
    known = torch.isfinite(target)
    d = F.smooth_l1_loss(out, torch.nan_to_num(target), reduction="none", beta=0.1) * known
    return d.sum((0, 2, 3)) / known.sum((0, 2, 3)).clamp(min=20)


def voted(out: Tensor) -> Tensor:
    """Scores of TECHNIQUES (n, 10) over a strip: every place votes as much as it says that it counts."""
    counts = torch.sigmoid(out[:, -1:])
    return (counts * out[:, :-1]).sum((2, 3)) / counts.sum((2, 3))


def place_loss(logits: Tensor, target: Tensor) -> Tensor:
    """How unlikely the true place along dimension 2 is, mean of where there is one (Kullback-Leibler)."""
    share = target / target.sum(2, keepdim=True).clamp(min=1e-6)
    apart = (share * (share.clamp(min=1e-6).log() - F.log_softmax(logits, 2))).sum(2)
    return apart.sum() / (target.sum(2) > 0).sum().clamp(min=20)


def losses(kind: str, out: Tensor, maps: Tensor, values: Tensor) -> dict[str, Tensor]:
    if kind == "technique":
        return {"technique": F.cross_entropy(voted(out), values[:, 0, 0, 0].long())}
    if kind == "incision":
        return {"incision": place_loss(out, maps)}
    if kind == "bites":
        return {"bites": place_loss(out.flatten(2), maps.flatten(2))}
    if kind == "fine":
        return {
            "mask": mask_loss(out[:, :3], maps[:, :3])
            .mul(torch.tensor([1.0, 0.7, 0.4], device=out.device))
            .sum(),
            "peak": focal(out[:, 3:7], maps[:, 3:7])
            .mul(torch.tensor([1.0, 0.6, 0.6, 0.4], device=out.device))
            .sum(),
            "offset": 4 * value_loss(out[:, 7:], values).sum(),
        }
    return {"mask": mask_loss(out[:, :1], maps).sum(), "value": value_loss(out[:, 1:], values).sum()}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("kind", choices=["fine", "coarse", "incision", "bites", "technique"])
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--batch", type=int, help="8, for the technique 16")
    ap.add_argument("--rate", type=float, default=1.5e-3)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--pool", type=int, default=5000)
    ap.add_argument("--workers", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    size = a.batch or (16 if a.kind == "technique" else 8)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the renderer along
    torch.set_num_threads(a.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = network(a.kind).to(device, memory_format=torch.channels_last)
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=0.01)
    RUNS.mkdir(exist_ok=True)
    path = RUNS / f"{a.kind}.pt"
    step, trained_s = 0, 0.0
    start = checkpoint(a.kind)
    if start.exists():
        saved = torch.load(start, map_location=device, weights_only=True)
        net.load_state_dict(saved["net"])
        if "optimiser" in saved:
            optimiser.load_state_dict(saved["optimiser"])
        average, step, trained_s = saved["average"], saved["step"], saved["trained_s"]
    rng = np.random.default_rng([a.seed, step])
    pool = start_pool(a.kind, a.pool, seed=a.seed * 100003 + step, workers=a.workers)
    while pool.made.value < 100 * size:
        time.sleep(0.5)
    began, log, saved_at = time.time(), [], time.time()
    while (elapsed := time.time() - began) < 60 * a.minutes:
        share = elapsed / (60 * a.minutes)
        warm = min(1.0, (step + 1) / 200)
        rate = float(a.rate * warm * (0.03 + 0.97 * 0.5 * (1 + np.cos(np.pi * share))))
        for group in optimiser.param_groups:
            group["lr"] = rate
        images, maps, values = (t.to(device) for t in augment(*pool.batch(size, rng), a.kind, rng))
        images = images.contiguous(memory_format=torch.channels_last)
        net.train()
        with torch.autocast(device.type, torch.bfloat16):
            out = net(images)
        parts = losses(a.kind, out.float(), maps, values)
        loss = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        step += 1
        keep = min(0.998, 1 - 10 / (step + 10))
        with torch.no_grad():
            for k, v in net.state_dict().items():
                if v.dtype.is_floating_point:
                    average[k].lerp_(v, 1 - keep)
                else:
                    average[k].copy_(v)
        log.append([float(p) for p in parts.values()])
        if step % 100 == 0:
            mean = dict(zip(parts, np.mean(log[-100:], 0).round(4).tolist(), strict=True))
            print(
                json.dumps(
                    {
                        "step": step,
                        "minutes": round((trained_s + elapsed) / 60, 1),
                        "rendered": pool.made.value,
                        **mean,
                    }
                ),
                flush=True,
            )
        if time.time() - saved_at > 60:
            _save(path, net, optimiser, average, step, trained_s + elapsed)
            saved_at = time.time()
    _save(path, net, optimiser, average, step, trained_s + time.time() - began)


def _save(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor],
    step: int,
    s: float,
) -> None:
    part = path.with_suffix(".part")
    torch.save(
        {
            "net": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "average": average,
            "step": step,
            "trained_s": s,
        },
        part,
    )
    part.replace(path)


if __name__ == "__main__":
    main()
