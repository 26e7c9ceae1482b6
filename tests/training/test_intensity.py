"""Changes of intensity."""

import numpy as np
import torch
from scipy import ndimage

from segscope.training.intensity import blur, contrast, gamma_curve, lower_resolution


def sample(*shape, channels=2, seed=0):
    random = np.random.default_rng(seed)
    image = torch.from_numpy(random.standard_normal((channels, *shape)).astype(np.float32))
    return image, torch.from_numpy(random.choice([0, 2, 5], shape))


def test_intensity_changes_by_hand():
    x = torch.tensor([[0.0, 1.0, 2.0, 5.0]])
    assert contrast(x, 0.5).tolist() == [[1.0, 1.5, 2.0, 3.5]]
    torch.testing.assert_close(gamma_curve(x, 2.0), torch.tensor([[0.0, 0.2, 0.8, 5.0]]))
    # of two voxels each the second is kept, and in between it is interpolated
    torch.testing.assert_close(lower_resolution(x, 0.5), torch.tensor([[1.0, 2.0, 4.0, 5.0]]))
    assert torch.equal(gamma_curve(torch.ones(1, 3), 0.5), torch.ones(1, 3))


def test_blur_is_scipys():
    image = sample(9, 8, 10, channels=1)[0]
    expected = ndimage.gaussian_filter(image[0].numpy(), 1.0, mode="nearest", radius=3)
    np.testing.assert_allclose(blur(image, 1.0)[0].numpy(), expected, atol=1e-5)
