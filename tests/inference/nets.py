"""Small models with known answers, without any training."""

import torch
from torch import nn

from segscope.inference import ModelSpec, NetworkSpec, TrainedModel
from segscope.networks import Segmenter, build_network
from segscope.preprocessing import ChannelPlan, Plan


class Pointwise(Segmenter):
    """Each voxel on its own, ``weight * x + bias``: windows and padding cannot matter."""

    def __init__(self, spatial_dims, weight, bias, multiple=4):
        super().__init__(spatial_dims, 1, len(bias), (1, 1), None)
        conv = (nn.Conv2d, nn.Conv3d)[spatial_dims - 2]
        self.layer = conv(1, len(bias), 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor(weight).reshape(self.layer.weight.shape))
            self.layer.bias.copy_(torch.tensor(bias))
        self._multiple = (multiple,) * spatial_dims

    @property
    def multiple(self):
        return self._multiple

    def forward(self, x):
        self._check(x)
        return self.layer(x)


def spec_of(
    dims=2, *, image_dims=None, classes=2, name="unet", widths=(4, 8), patch=None, ending=".nii.gz",
    **plan,
):  # fmt: skip
    image_dims = image_dims or dims
    plan = {
        "image_dims": image_dims,
        "spatial_dims": dims,
        "orientation": "RAS" if image_dims == 3 else None,
        "channels": [ChannelPlan(name="x", scheme="none")],
        **plan,
    }
    return ModelSpec(
        network=NetworkSpec(
            name=name, spatial_dims=dims, in_channels=1, out_channels=classes,
            options={"widths": list(widths)},
        ),
        plan=Plan(**plan),
        labels={f"label{k}": k for k in range(max(2, classes))},
        channel_names=("x",),
        patch=patch or (16,) * dims,
        mirror_axes=tuple(range(dims)),
        file_ending=ending,
    )  # fmt: skip


def random_model(dims=2, *, seed=0, **options) -> TrainedModel:
    """A network whose weights and batch statistics are random, fixed by the seed."""
    spec = spec_of(dims, **options)
    part = spec.network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = build_network(
            part.name, part.spatial_dims, part.in_channels, part.out_channels, **part.options
        )
        for name, value in net.state_dict().items():
            if name.endswith("running_mean"):
                value.normal_()
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
    return TrainedModel(spec, net.eval())


def threshold_model(dims=3, *, above=0.5, **options) -> TrainedModel:
    """Label 1 where the image is above a value, label 0 elsewhere."""
    return TrainedModel(spec_of(dims, **options), Pointwise(dims, [0.0, 8.0], [0.0, -8.0 * above]))
