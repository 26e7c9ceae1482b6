"""Classes of images come from the table, and splits keep groups and shares."""

from collections import Counter

import pytest

from segscope.data import open_dataset
from segscope.errors import InputError
from segscope.images import Case
from segscope.training.classify_images import Labelled, labelled_images, split_images
from tests.synthetic import write_plane_dataset


def labelled(tmp_path, classes):
    folder = write_plane_dataset(tmp_path / "data", cases=len(classes), shape=(8, 8))
    rows = "".join(f"p{k},{name}\n" for k, name in enumerate(classes))
    (folder / "cases.csv").write_text(f"case,kind\n{rows}")
    return labelled_images(open_dataset(folder), "kind")


def test_normal_is_the_first_class_and_others_follow_by_name(tmp_path):
    found = labelled(tmp_path, ["b", "normal", "a", "normal", "a", "b"])
    assert found.classes == ("normal", "a", "b")
    assert found.truth == (2, 0, 1, 0, 1, 2)
    part = found.part(["p4", "p0"])
    assert ([case.name for case in part.cases], part.truth) == (["p4", "p0"], (1, 2))


@pytest.mark.parametrize(
    ("classes", "words"),
    [(["a", "a", "", ""], "column kind is empty for p2 and 1 more"),
     (["a", "a", "a", "a"], "got a: 4"), (["a", "a", "a", "b"], "got a: 3, b: 1")],
    ids=["empty", "one class", "one image"],
)  # fmt: skip
def test_classes_that_cannot_be_learned_are_told(tmp_path, classes, words):
    with pytest.raises(InputError, match=words):
        labelled(tmp_path, classes)


def pictures(subjects):
    """Two images a subject; every second subject is of the other class."""
    cases = tuple(Case(f"{s}{k}", (), subject=f"s{s}") for s in range(subjects) for k in range(2))
    return Labelled(cases, tuple(int(c.subject[1:]) % 2 for c in cases), ("a", "b"))


def test_every_image_validates_once_and_no_subject_is_on_both_sides():
    images = pictures(8)
    subjects = {case.name: case.subject for case in images.cases}
    truth = dict(zip(subjects, images.truth, strict=True))
    tested = Counter()
    for fold in range(4):
        train, val = split_images(images, 0.25, 0, fold)
        assert not {subjects[n] for n in train} & {subjects[n] for n in val}
        assert len(train) + len(val) == 16
        assert Counter(truth[n] for n in val) == {0: 2, 1: 2}
        tested.update(val)
    assert tested == dict.fromkeys(subjects, 1)


def test_the_order_of_images_changes_nothing_and_the_seed_does():
    images = pictures(8)
    turned = Labelled(images.cases[::-1], images.truth[::-1], images.classes)
    assert split_images(images, 0.25, 0) == split_images(turned, 0.25, 0)
    assert len({tuple(split_images(images, 0.25, seed)[1]) for seed in range(6)}) > 1


def test_too_few_groups_are_told():
    with pytest.raises(InputError, match="3 groups are too few to hold out one in 4"):
        split_images(pictures(3), 0.25, 0)
    with pytest.raises(InputError, match="a class has too few groups"):
        split_images(pictures(2), 0.5, 0)
