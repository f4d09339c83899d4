"""Write a trained network as ONNX into the package and check that cv2.dnn says the same.

python -m training.export coarse fine technique
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from assessor.photo.perception.networks import read_network
from training.net import network
from training.train import checkpoint

MODELS = Path(__file__).parent.parent / "assessor" / "models"


# (channels, height, width) of an input, and another width where a network is given any: it is convolutions
# throughout, and cv2.dnn's classic engine, which takes fixed sizes alone, fits it to each picture
SHAPES = {
    "coarse": ((3, 320, 320), 320),
    "fine": ((3, 128, 320), 736),
    "incision": ((3, 96, 320), 736),
    "bites": ((3, 64, 160), 160),
    "technique": ((19, 64, 160), 368),
}


def export(kind: str) -> Path:
    saved = torch.load(checkpoint(kind), map_location="cpu", weights_only=True)
    net = network(kind)
    net.load_state_dict(saved["average"])
    net.eval()
    target = MODELS / f"{kind}.onnx"
    (channels, height, width), other = SHAPES[kind]
    torch.onnx.export(
        net, (torch.rand(1, channels, height, width),), str(target), dynamo=True, external_data=False,
        verbose=False,
    )  # fmt: skip
    for w in {width, other}:
        x = torch.rand(1, channels, height, w)
        cv_net = read_network(target)
        cv_net.setInput(x.numpy())
        with torch.no_grad():
            expected = net(x).numpy()
        gap = float(np.abs(cv_net.forward() - expected).max())
        if gap > 1e-3:
            raise SystemExit(f"{kind}: cv2.dnn differs from torch by {gap} at {(channels, height, w)}")
    print(kind, "step", saved["step"], "bytes", target.stat().st_size)
    return target


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("kinds", nargs="+", choices=list(SHAPES))
    for kind in ap.parse_args().kinds:
        export(kind)
