"""A tiny network in the forms that other tools write, and the references beside their own models."""

import json
import warnings
import zipfile

import numpy as np
import torch
from torch import nn

SIDE = 16
PREPARE = {
    "channel_names": {"0": "grey"},
    "labels": {"background": 0, "spot": 1},
    "output": "logits",
    "file_ending": ".png",
    "preprocessing": {
        "channels": [{"name": "grey", "scheme": "rescale", "lower": 0, "upper": 255}]
    },
}


class Spots(nn.Module):
    """Logits are what a convolution and a ReLU leave of an image, above a half."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(3, 1, 1)

    def forward(self, x):
        return self.head(self.body(x))


def spots():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Spots().eval()


def image():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return torch.rand(1, 1, SIDE, SIDE)


def export_pt2(file, net=None, shape=(1, 1, SIDE, SIDE)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(net or spots(), (torch.zeros(shape),)), file)
    return file


def script(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(spots(), torch.zeros(1, 1, SIDE, SIDE)).save(str(file))
    return file


def onnx_file(file, **extra):
    """Spots by hand, as any exporter may write it."""
    from onnx import TensorProto, helper, numpy_helper, save

    net = spots()
    weights = [numpy_helper.from_array(v.detach().numpy(), n) for n, v in net.named_parameters()]
    nodes = [
        helper.make_node("Conv", ["image", "body.0.weight", "body.0.bias"], ["c"], name="/body/0",
                         kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="/body/1"),
        helper.make_node("Conv", ["r", "head.weight", "head.bias"], ["logits"], kernel_shape=[1, 1]),
        *extra.pop("nodes", ()),
    ]  # fmt: skip
    sides = extra.pop("sides", [1, 1, "h", "w"])
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "g", [value("image", TensorProto.FLOAT, sides)],
                              [value("logits", TensorProto.FLOAT, sides)], weights)  # fmt: skip
    opsets = [helper.make_opsetid("", 18), *extra.pop("opsets", ())]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(file), **extra)
    return file


def rewrite(source, target, change):
    """Copy an archive member by member through ``change(name, bytes) -> bytes or None``."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target


def with_nodes(source, target, change):
    """Copy a .pt2 file with its graph's nodes changed."""

    def changed(name, data):
        if not name.endswith("models/model.json"):
            return data
        facts = json.loads(data)
        change(facts["graph_module"]["graph"]["nodes"])
        return json.dumps(facts).encode()

    return rewrite(source, target, changed)


def dice(one, other, value):
    both = np.count_nonzero((one == value) & (other == value))
    return 2 * both / (np.count_nonzero(one == value) + np.count_nonzero(other == value))
