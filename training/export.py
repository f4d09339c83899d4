"""Write a trained network as ONNX into the package and check that onnxruntime says the same.

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


# (n, channels, height, width) of an input, and another it has to take: strips have any width (in training the
# fine view's any height, too), wounds any number of stitches
SHAPES = {
    "coarse": ((1, 3, 320, 320), (1, 3, 320, 320)),
    "fine": ((1, 3, 128, 320), (1, 3, 192, 736)),
    "incision": ((1, 3, 96, 320), (1, 3, 96, 736)),
    "bites": ((2, 3, 64, 160), (7, 3, 64, 160)),
    "technique": ((1, 19, 64, 160), (1, 19, 64, 368)),
}


def export(kind: str) -> Path:
    saved = torch.load(checkpoint(kind), map_location="cpu", weights_only=True)
    net = network(kind)
    net.load_state_dict(saved["average"])
    net.eval()
    target = MODELS / f"{kind}.onnx"
    shape, other = SHAPES[kind]
    some = [torch.export.Dim(f"d{k}") for k in range(4)]
    free = {k: some[k] if k == 0 else 16 * some[k] for k in range(4) if shape[k] != other[k]}
    torch.onnx.export(
        net, (torch.rand(shape),), str(target), input_names=["x"], dynamic_shapes=(free,), dynamo=True,
        external_data=False, verbose=False,
    )  # fmt: skip
    onnx = read_network(target.read_bytes())
    for size in {shape, other}:
        x = torch.rand(size)
        (given,) = onnx.run(None, {"x": x.numpy()})
        with torch.no_grad():
            gap = float(np.abs(given - net(x).numpy()).max())
        if gap > 1e-3:
            raise SystemExit(f"{kind}: onnxruntime differs from torch by {gap} at {size}")
    print(kind, "step", saved["step"], "bytes", target.stat().st_size)
    return target


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("kinds", nargs="+", choices=list(SHAPES))
    for kind in ap.parse_args().kinds:
        export(kind)
