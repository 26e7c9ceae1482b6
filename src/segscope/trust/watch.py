"""Looks on while cases are predicted: figures of trust, and what they predict."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segscope.inference import TrainedModel, Verdict
from segscope.preprocessing import Shown
from segscope.trust.agreement import class_dice, pair_mean
from segscope.trust.figures import MEAN, MODES, Mode
from segscope.trust.heads import head_agreement
from segscope.trust.judge import Judge
from segscope.trust.lesions import find_lesions
from segscope.trust.mirrored import image_axes, mirrored_labels
from segscope.trust.one_pass import OnePass
from segscope.trust.quality_file import open_judge
from segscope.trust.reference import Reference, noise_level
from segscope.trust.scale import half_labels
from segscope.trust.shape import shape_measures
from segscope.trust.taps import pooled_features

Figures = dict[str, float]
_NOISE_ROOM = 2.0  # times beyond the training images' noise that count as much as a shift of 1


class CaseWatch:
    """Looks at one case; see `segscope.inference.watching.Watching`."""

    def __init__(self, watch: "TrustWatch", prepared: Shown) -> None:
        self._watch, self._prepared = watch, prepared
        self._pass = OnePass(prepared.array.shape[1:], len(watch.labels), watch.temperature)
        self._hooks = ExitStack()
        net = watch.model.net
        layers = watch.reference.layers if watch.reference else ()
        self._pooled = self._hooks.enter_context(pooled_features(net, layers))
        self._heads = self._hooks.enter_context(head_agreement(net, len(watch.labels)))

    def add(self, rows: tuple[slice, ...], slab: NDArray[np.float32]) -> None:
        """Take probabilities of some rows."""
        self._pass.add(rows, slab)

    def close(self) -> None:
        """Let go of the network."""
        self._hooks.close()

    @property
    def labels(self) -> NDArray[np.integer[Any]]:
        """Labels on the grid that the network works on."""
        return self._pass.labels

    @property
    def peak(self) -> NDArray[np.float16]:
        """Probability of each voxel's label."""
        return self._pass.peak

    def features(self) -> NDArray[np.float64] | None:
        """Pooled features of the layers that are read."""
        return self._pooled.vector() if self._watch.reference else None

    def figures(self) -> dict[str, Figures]:
        """Figures of the mean and of every label, by name.

        A mean is over the labels that are predicted, or of which at least one voxel is expected.
        """
        self.close()  # further passes are others'
        rows = self._by_class()
        there = (self._pass.sizes() > 0) | (self._pass.expected() >= 1)
        found: dict[str, Figures] = {MEAN: {}}
        for k, label in enumerate(self._watch.labels):
            found[label] = {name: float(values[k]) for name, values in rows.items()}
        for name, values in rows.items():
            # a label that is absent where training always had it is told by its shape
            kept = values if name in ("shape", "shift", "max_probability") else values[there]
            found[MEAN][name] = float(kept.mean()) if len(kept) else 0.0
        return found

    def facts(self, verdict: Verdict) -> dict[str, Any]:
        """Return figures and what they predict, as plain values."""
        judge = self._watch.judge
        facts = judge.case(self.figures(), verdict, empty=not self.labels.any())
        if judge.lesions is not None:
            facts["lesions"] = judge.of_lesions(find_lesions(self.labels, self.peak))
        return {"key": self._watch.key, "trust": self._watch.mode, **facts}

    def _by_class(self) -> dict[str, NDArray[np.float64]]:
        count, one, reference = len(self._watch.labels), self._pass, self._watch.reference
        rows = {
            "sdc": one.confidence(),
            "max_probability": np.full(count, one.max_probability()),
            "margin": one.margin(),
        }
        if self._watch.temperature != 1:
            rows["sdc_t"] = one.tempered_confidence()
        if self._heads is not None:
            rows["heads"] = self._heads.dice()
        if reference is not None:
            measures = shape_measures(one.labels, count)
            rows["shape"] = np.log1p(reference.shapes.distances(measures).max(1))
            rows["shift"] = np.full(count, self._shift(reference))
        return rows | self._other_passes(count)

    def _shift(self, reference: Reference) -> float:
        """Logarithm of the larger shift: of features, and of the image's noise."""
        low, high = reference.noise
        level = noise_level(self._prepared.array)
        beyond = max(level / high if high else 1.0, low / level if level else _NOISE_ROOM**4)
        noise = min(beyond, _NOISE_ROOM**4) / _NOISE_ROOM
        vector = self.features()
        if reference.features is None or vector is None:
            return float(np.log(max(1.0, noise)))
        return float(np.log(max(reference.features.shift(vector), noise, 1e-3)))

    def _other_passes(self, count: int) -> dict[str, NDArray[np.float64]]:
        mode, model, own = self._watch.mode, self._watch.model, self._pass.labels
        if mode == "fast":
            return {}
        array = self._prepared.array
        rows = {"scale": pair_mean([class_dice(own, half_labels(model, array), count)], count)}
        axes = image_axes(model)
        if mode == "thorough" and axes:
            half = half_labels(model, array, mirror=axes[0])
            rows["scale_mirrored"] = pair_mean([class_dice(own, half, count)], count)
            copies = [class_dice(own, other, count) for other in mirrored_labels(model, array)]
            rows["mirror"] = pair_mean(copies, count)
        return rows


class TrustWatch:
    """Looks at every case of a prediction; see `segscope.inference.watching.Watch`.

    Args:
        model: That predicts.
        mode: ``fast`` (one pass), ``standard`` (and half the resolution) or ``thorough`` (and
            mirrored copies).
        judge: Says what figures predict.
    """

    def __init__(self, model: TrainedModel, mode: Mode, judge: Judge) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
        self.model, self.mode, self.judge = model, mode, judge
        self.reference = judge.reference
        self.temperature = judge.temperature
        values = sorted((v, name) for name, v in model.spec.labels.items() if v > 0)
        self.labels = tuple(name for _, name in values)

    @property
    def key(self) -> str:
        """What facts depend on: the mode and the quality file."""
        return f"{self.mode} {self.judge.key}"

    def over(self, prepared: Shown) -> CaseWatch:
        """Begin to look at a case."""
        return CaseWatch(self, prepared)


def open_watch(
    model: TrainedModel,
    run: Path,
    mode: str,
    *,
    level: int | None = None,
    mirror: bool | None = False,
) -> TrustWatch:
    """Make who looks on, with what the run has kept for it.

    Args:
        model: Loaded from the run.
        run: Its folder.
        mode: ``fast``, ``standard`` or ``thorough``.
        level: That a nested network was pruned to.
        mirror: Whether mirrored copies are averaged.
    """
    chosen: Any = mode
    return TrustWatch(model, chosen, open_judge(run, model, chosen, level=level, mirror=mirror))
