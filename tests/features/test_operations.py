"""Operations that move axes."""

import pytest
import torch
from torch import nn

from segscope.features import FeatureHooks


class Turned(nn.Module):
    """Sides swapped around a convolution, in place or as new tensors."""

    def __init__(self, way, in_place):
        super().__init__()
        self.way, self.in_place = way, in_place
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.inner = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Conv2d(4, 1, 1)

    def turn(self, x):
        if self.way == "unsqueeze":
            if self.in_place:
                return x.unsqueeze_(2).transpose_(2, 4).squeeze_(4)
            return x.unsqueeze(2).transpose(2, 4).squeeze(4)
        return getattr(x, f"{self.way}_" if self.in_place else self.way)(2, 3)

    def forward(self, x):
        return self.head(self.turn(self.inner(self.turn(self.first(x)))))


@pytest.mark.parametrize("way", ["transpose", "swapaxes", "swapdims", "unsqueeze"])
@pytest.mark.parametrize("layers", ["auto", ["inner"]], ids=["automatic", "named"])
def test_axes_that_are_swapped_in_place_are_those_of_the_twin(way, layers):
    torch.manual_seed(0)
    twins = [Turned(way, in_place) for in_place in (True, False)]
    twins[1].load_state_dict(twins[0].state_dict())
    image = torch.rand(1, 1, 12, 8)
    found = []
    for net in twins:
        with torch.no_grad(), FeatureHooks(net, layers) as hooks:
            output = net(image)
        found.append({**hooks.features, "output": output})
    assert found[0].keys() == found[1].keys()
    for name, expected in found[1].items():
        torch.testing.assert_close(found[0][name], expected, rtol=0, atol=0)
    if layers != "auto":
        assert found[0]["inner"].shape == (1, 4, 12, 8)  # turned to the image's own axes
