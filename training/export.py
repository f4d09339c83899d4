"""Write a trained network as ONNX into the package and check that onnxruntime says the same.

python -m training.export coarse fine technique

What looks for wounds and stitches is written in whole numbers of eight bits, twice as fast and a quarter as
large; what reads places to a tenth of a pixel stays as it was trained.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from assessor.photo.perception.networks import read_network
from training.data import examples
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
IN_BYTES = ("coarse", "fine")
SHOWN = 128  # rendered pictures from which the range of each layer is known
ROUNDING = 0.15  # what eight bits may change of a map, mean of places: its logits differ by some 20


def export(kind: str) -> Path:
    saved = torch.load(checkpoint(kind), map_location="cpu", weights_only=True)
    net = network(kind)
    net.load_state_dict(saved["average"])
    net.eval()
    target = MODELS / f"{kind}.onnx"
    shape, other = SHAPES[kind]
    some = [torch.export.Dim(f"d{k}") for k in range(4)]
    free = {k: some[k] if k == 0 else 16 * some[k] for k in range(4) if shape[k] != other[k]}
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / target.name
        torch.onnx.export(
            net, (torch.rand(shape),), str(written), input_names=["x"], dynamic_shapes=(free,), dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip
        for size in {shape, other}:
            x = torch.rand(size)
            with torch.no_grad():
                gap = np.abs(_says(written, x.numpy()) - net(x).numpy()).max()
            if gap > 1e-3:
                raise SystemExit(f"{kind}: onnxruntime differs from torch by {gap} at {size}")
        if kind in IN_BYTES:
            _write_in_bytes(kind, written, target)
        else:
            shutil.copy(written, target)
    print(kind, "step", saved["step"], "bytes", target.stat().st_size)
    return target


class _Pictures(CalibrationDataReader):
    def __init__(self, pictures: list[NDArray[np.float32]]) -> None:
        self._left: Iterator[NDArray[np.float32]] = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        return None if (x := next(self._left, None)) is None else {"x": x}


def _write_in_bytes(kind: str, written: Path, target: Path) -> None:
    """Weights of seven bits, as sums of products of eight overflow on processors without VNNI; the first and
    the last layer, which see and say the most, as they are."""
    drawn = islice(examples(kind, np.random.default_rng(5)), SHOWN + 8)
    pictures = [np.asarray(image.transpose(2, 0, 1)[None] / 255, np.float32) for image, _, _ in drawn]
    layers = [node.name for node in onnx.load(written).graph.node if node.op_type == "Conv"]
    quantize_static(
        written,
        target,
        _Pictures(pictures[8:]),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=[layers[0], layers[-1]],
    )
    gap = np.mean([np.abs(_says(target, x) - _says(written, x)).mean() for x in pictures[:8]])
    print(f"{kind}: eight bits change its maps by {gap:.3f}")
    if gap > ROUNDING:
        raise SystemExit(f"{kind}: eight bits change its maps by {gap}")


def _says(onnx_file: Path, x: NDArray[np.float32]) -> NDArray[np.float32]:
    (out,) = read_network(onnx_file.read_bytes()).run(None, {"x": x})
    return np.asarray(out, np.float32)


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("kinds", nargs="+", choices=list(SHAPES))
    for kind in ap.parse_args().kinds:
        export(kind)
