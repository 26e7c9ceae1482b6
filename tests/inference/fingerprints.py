"""Images and fingerprints to compare."""

from segscope.images import Fingerprint, ImageFacts, Intensities
from segscope.preprocessing import ChannelPlan, Plan

# a uniform distribution of 0 to 100, its lowest and highest values beyond
EVEN = (0.0, 5.0, 25.0, 50.0, 75.0, 95.0, 100.0)


def intensities(marks=EVEN, *, scale=1.0, offset=0.0, lowest=None, highest=None):
    found = tuple(scale * mark + offset for mark in marks)
    low = found[0] if lowest is None else lowest
    high = found[-1] if highest is None else highest
    return Intensities(lowest=low, highest=high, percentiles=found)


def facts(*channels, shape=(40, 50, 40), spacing=(1.0, 1.0, 1.0), **more):
    return ImageFacts(
        name="x", shape=shape, spacing_mm=spacing,
        orientation=more.pop("orientation", "RAS" if len(shape) == 3 else ""),
        channels=channels or (intensities(),), **more,
    )  # fmt: skip


def seen_in(*images):
    return Fingerprint(
        dataset="d", image_dims=len(images[0].shape), channels=(), labels={"background": 0, "a": 1},
        cases=tuple(f"c{k}" for k in range(len(images))),
        shapes=tuple(image.shape for image in images),
        spacings_mm=tuple(image.spacing_mm for image in images),
        label_voxels={0: 9, 1: 1}, pcd_percent=10, cases_without_foreground=(), images=images,
    )  # fmt: skip


def plan_of(*names, dims=3, scheme="zscore", **more):
    channels = tuple(
        ChannelPlan(name=name, scheme=scheme, **more.pop("window", {})) for name in names or ("x",)
    )
    more.setdefault("spacing_mm", (1.0,) * 3 if dims == 3 else None)
    return Plan(image_dims=dims, spatial_dims=dims, channels=channels, **more)


TWENTY = seen_in(*[facts() for _ in range(20)])
