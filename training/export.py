"""Write a trained network as ONNX into the package and check that cv2.dnn says the same.

python -m training.export fine coarse
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from training.net import UNet
from training.train import checkpoint

MODELS = Path(__file__).parent.parent / "assessor" / "models"


def export(kind: str) -> Path:
    saved = torch.load(checkpoint(kind), map_location="cpu", weights_only=True)
    net = UNet(kind)
    net.load_state_dict(saved["average"])
    net.eval()
    target = MODELS / f"{kind}.onnx"
    example = torch.rand(1, 3, 128, 320)
    if kind == "coarse":
        torch.onnx.export(
            net, (torch.rand(1, 3, 320, 320),), str(target), dynamo=True, external_data=False, verbose=False
        )
        example = torch.rand(1, 3, 320, 320)
    else:
        width = torch.export.Dim("w32", min=2, max=80)
        torch.onnx.export(
            net, (example,), str(target), dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=({3: 32 * width},),
        )  # fmt: skip
    for shape in [(320, 320)] if kind == "coarse" else [(128, 320), (128, 736)]:
        x = torch.rand(1, 3, *shape)
        cv_net = cv2.dnn.readNetFromONNX(str(target))
        cv_net.setInput(x.numpy())
        with torch.no_grad():
            expected = net(x).numpy()
        gap = float(np.abs(cv_net.forward() - expected).max())
        if gap > 1e-3:
            raise SystemExit(f"{kind}: cv2.dnn differs from torch by {gap} at {shape}")
    print(kind, "step", saved["step"], "bytes", target.stat().st_size)
    return target


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("kinds", nargs="+", choices=["fine", "coarse"])
    for kind in ap.parse_args().kinds:
        export(kind)
