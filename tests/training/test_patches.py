"""Samples: the same whoever makes them, as often on foreground as asked, real data around them."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from segscope.training import AugmentPlan, EpochSampler, PatchDataset, PreparedCase
from segscope.training.patches import foreground_voxels

NONE = AugmentPlan.none()
STRONG = AugmentPlan.strong(mirror_axes=(0, 1))


def case(name, *shape, channels=1, mark=None, seed=0):
    """Noise with a block of label 1 and, where ``mark`` says, one voxel of label 2."""
    random = np.random.default_rng(seed)
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(s // 3, s // 2 + 1) for s in shape)] = 1
    if mark is not None:
        label[mark] = 2
    image = random.standard_normal((channels, *shape)).astype(np.float32)
    return PreparedCase(name, image, label, foreground_voxels(label))


def numbered(*shape):
    """A case whose image holds each voxel's number, so that a patch says where it is from."""
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(1, *shape)
    return PreparedCase("numbered", image, np.zeros(shape, np.uint8), {})


def data(cases, patch, *, augment=NONE, seed=0, **options):
    return PatchDataset(cases, patch, samples=8, seed=seed, augment=augment, **options)


@pytest.mark.parametrize("dims", [2, 3])
def test_any_number_of_workers_gives_identical_batches(dims):
    cases = [case(f"c{k}", *(18, 16, 14)[:dims], seed=k) for k in range(3)]
    samples = data(cases, (12, 10, 8)[:dims], augment=STRONG)
    found = {}
    for workers in (0, 1, 2):
        sampler = EpochSampler(8, 0)
        loader = DataLoader(
            samples, 2, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
        )
        found[workers] = []
        for epoch in (0, 1):  # workers that stay alive must see the new epoch
            sampler.epoch = epoch
            found[workers] += [(x.clone(), y.clone()) for x, y in loader]
    for workers in (1, 2):
        for a, b in zip(found[0], found[workers], strict=True):
            assert torch.equal(a[0], b[0])
            assert torch.equal(a[1], b[1])
    assert not torch.equal(found[0][0][0], found[0][4][0])


def test_a_sample_does_not_depend_on_what_was_drawn_before():
    samples = data([case("a", 20, 20)], (8, 8), augment=STRONG)
    late = samples[3, 5]
    for index in range(4):
        samples[0, index]
    again = samples[3, 5]
    assert torch.equal(late[0], again[0])
    assert torch.equal(late[1], again[1])
    other = data([case("a", 20, 20)], (8, 8), augment=STRONG, seed=1)[3, 5]
    assert not torch.equal(late[0], other[0])


@pytest.mark.parametrize("share", [0.0, 0.33, 1.0])
def test_the_foreground_share_is_how_often_a_patch_is_centred_on_foreground(share):
    # two labels of very different size are drawn equally often
    label = np.zeros((60, 60), np.uint8)
    label[5:25, 5:25] = 1
    label[45, 45] = 2
    both = PreparedCase("a", label[None].astype(np.float32), label, foreground_voxels(label))
    samples = data([both], (1, 1), foreground_share=share)
    drawn = [int(samples[0, k][1].item()) for k in range(1500)]
    by_chance = (1 - share) * np.array([400, 1]) / 3600
    for value, chance in zip((1, 2), by_chance, strict=True):
        expected = share / 2 + chance
        spread = 4 * np.sqrt(expected * (1 - expected) / 1500)
        assert np.mean(np.array(drawn) == value) == pytest.approx(expected, abs=spread + 1e-9)


def test_a_drawn_voxel_is_in_its_patch_even_at_the_edge():
    for mark in [(0, 0, 0), (19, 17, 15), (10, 0, 15)]:
        label = np.zeros((20, 18, 16), np.uint8)
        label[mark] = 2
        one = PreparedCase("a", label[None].astype(np.float32), label, foreground_voxels(label))
        samples = data([one], (8, 6, 5), foreground_share=1.0)
        for index in range(10):
            image, truth = samples[0, index]
            assert (truth == 2).sum() == 1
            assert torch.equal(image.long(), truth)


def test_a_drawn_voxel_lies_in_the_middle_of_its_patch():
    label = np.zeros((20, 18), np.uint8)
    label[9, 11] = 1
    one = PreparedCase("a", label[None].astype(np.float32), label, foreground_voxels(label))
    truth = data([one], (5, 7), foreground_share=1.0)[0, 0][1]
    assert truth[0].nonzero().tolist() == [[2, 3]]


def test_without_augmentation_a_patch_is_a_piece_of_its_case():
    whole = numbered(9, 8)
    seen = set()
    for index in range(500):
        image, _ = data([whole], (4, 3))[0, index]
        row, column = divmod(int(image[0, 0, 0]), 8)
        expected = whole.image[0, row : row + 4, column : column + 3]
        np.testing.assert_array_equal(image[0].numpy(), expected)
        seen.add((row, column))
    assert len(seen) == 6 * 6  # every place is reached


def test_a_case_smaller_than_the_patch_is_centred_and_its_edge_repeated():
    label = np.array([[1, 0], [0, 2]], np.uint8)
    small = PreparedCase("s", label[None].astype(np.float32), label, foreground_voxels(label))
    image, truth = data([small], (4, 5))[0, 0]
    expected = np.pad(label, [(1, 1), (1, 2)], mode="edge")
    np.testing.assert_array_equal(truth[0].numpy(), expected)
    np.testing.assert_array_equal(image[0].numpy(), expected)


def test_a_turned_patch_is_filled_with_what_lies_around_it():
    """A plane that rises linearly is reproduced by interpolation, up to the patch's corners."""
    rows, columns = np.meshgrid(np.arange(80.0), np.arange(80.0), indexing="ij")
    plane = PreparedCase(
        "p", (rows + 100 * columns)[None].astype(np.float32), np.zeros((80, 80), np.uint8), {}
    )
    turned = AugmentPlan(preset="none", geometry_share=1.0, rotation_degrees=45, scale=(0.8, 0.8))
    inside = [k for k in range(80) if _far_from_edge(data([plane], (16, 12)), k)]
    assert len(inside) > 10
    for index in inside:
        image = data([plane], (16, 12), augment=turned)[0, index][0][0].double()
        for axis in (0, 1):
            steps = image.diff(dim=axis)
            assert (steps - steps.mean()).abs().max() < 0.05


def _far_from_edge(samples, index):
    image = samples[0, index][0][0]
    first, last = image[0, 0].item(), image[-1, -1].item()
    return all(16 < value < 64 for v in (first, last) for value in divmod(v, 100))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_volumes_are_taken_along_their_axis(axis):
    volume = numbered(7, 6, 5)
    sides = [s for k, s in enumerate((7, 6, 5)) if k != axis]
    seen = set()
    for index in range(60):
        image, truth = data([volume], sides, slice_axis=axis)[0, index]
        assert truth.shape == (1, *sides)
        place = np.unravel_index(int(image[0, 0, 0]), (7, 6, 5))[axis]
        np.testing.assert_array_equal(image[0].numpy(), volume.image[0].take(place, axis))
        seen.add(place)
    assert len(seen) == (7, 6, 5)[axis]


def test_slices_centred_on_foreground_hold_it():
    volume = case("v", 12, 10, 30, mark=(3, 4, 27))
    samples = data([volume], (12, 10), slice_axis=2, foreground_share=1.0)
    values = [set(samples[0, k][1].unique().tolist()) for k in range(60)]
    assert all(v - {0} for v in values)
    assert sum(2 in v for v in values) > 15


@pytest.mark.parametrize("slice_axis", [None, 1])
def test_augmented_samples_have_their_shape_known_labels_and_no_nan(slice_axis, tmp_path):
    cases = []
    for k, shape in enumerate([(14, 12, 10), (30, 24, 26)]):
        one = case(f"c{k}", *shape, channels=2, mark=(1, 2, 3), seed=k)
        np.save(tmp_path / f"{k}.npy", one.image)
        mapped = np.load(tmp_path / f"{k}.npy", mmap_mode="r")
        cases.append(PreparedCase(one.name, mapped, one.label, one.foreground))
    patch = (16, 16) if slice_axis is not None else (16, 14, 12)
    plan = STRONG.model_copy(
        update={"elastic_share": 0.5, "voxel_mm": (1.0, 2.0, 1.0)[: len(patch)]}
    )
    samples = data(cases, patch, augment=plan, slice_axis=slice_axis)
    for index in range(60):
        image, label = samples[1, index]
        assert image.shape == (2, *patch)
        assert image.dtype == torch.float32
        assert label.shape == (1, *patch)
        assert label.dtype == torch.int64
        assert torch.isfinite(image).all()
        assert set(label.unique().tolist()) <= {0, 1, 2}


def test_cases_are_drawn_equally_often():
    cases = [
        PreparedCase(str(k), np.full((1, 4, 4), k, np.float32), np.zeros((4, 4), np.uint8), {})
        for k in range(4)
    ]
    drawn = [int(data(cases, (2, 2))[0, k][0][0, 0, 0]) for k in range(800)]
    assert all(140 < drawn.count(k) < 260 for k in range(4))


def test_voxels_of_large_labels_are_thinned_out_evenly():
    label = np.ones((200, 100), np.uint8)
    label[0, 0] = 0
    label[7, 7] = 9
    voxels = foreground_voxels(label)
    assert sorted(voxels) == [1, 9]
    assert voxels[9].tolist() == [[7, 7]]
    assert 2500 < len(voxels[1]) <= 5000
    assert voxels[1][:, 0].mean() == pytest.approx(99.5, abs=2)


def test_ranks_share_an_epoch():
    whole = set(EpochSampler(9, 4))
    parts = [set(EpochSampler(9, 4, rank=rank, ranks=2)) for rank in (0, 1)]
    assert parts[0] | parts[1] == whole
    assert not parts[0] & parts[1]
    assert [len(EpochSampler(9, 4, rank=rank, ranks=2)) for rank in (0, 1)] == [5, 4]


@pytest.mark.parametrize(
    ("patch", "options", "message"),
    [
        ((4,), {}, "the patch needs as many sides"),
        ((4, 4), {"slice_axis": 0}, "the patch needs as many sides"),
        ((4,), {"slice_axis": 2}, "slice_axis must lie in 0..1"),
        ((4, 4), {"foreground_share": 1.2}, "foreground_share in 0..1"),
        ((4, 4), {"augment": AugmentPlan(mirror_axes=(2,))}, "mirror_axes"),
        ((4, 4), {"augment": AugmentPlan(voxel_mm=(1.0,))}, "voxel_mm needs 2"),
    ],
)
def test_options_that_do_not_fit_are_refused(patch, options, message):
    with pytest.raises(ValueError, match=message):
        data([case("a", 9, 9)], patch, **options)


def test_no_case_and_cases_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match="at least one case"):
        data([], (4, 4))
    odd = PreparedCase("odd", np.zeros((1, 4, 5), np.float32), np.zeros((4, 4), np.uint8), {})
    with pytest.raises(ValueError, match="case odd"):
        data([odd], (2, 2))


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(0)
    shape = (40, 56, 40)  # large enough for torch to share a sum among threads
    image = rng.normal(size=(1, *shape)).astype(np.float32)
    case = PreparedCase("a", image, (image[0] > 0).astype(np.uint8), {})
    data = PatchDataset([case], shape, samples=40, seed=0, augment=AugmentPlan())
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = [data[0, k][0] for k in range(40)]
        torch.set_num_threads(4)
        four = [data[0, k][0] for k in range(40)]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(one, four, strict=True))
