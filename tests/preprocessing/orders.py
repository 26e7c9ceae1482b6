"""The 48 ways in which a volume's axes can lie in the world, and what tests do with plans."""

import itertools

import numpy as np

from segscope.metrics import count_agreement, overlap_scores


def all_orders():
    """Every permutation of the axes with every choice of signs."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            yield order, signs


def affine_of(order, signs, oblique=0.0):
    """An affine with spacings 1, 1.5, 2 mm, turned by ``oblique`` radians about two axes."""
    linear = np.zeros((3, 3))
    for column, (row, sign) in enumerate(zip(order, signs, strict=True)):
        linear[row, column] = sign * (1.0, 1.5, 2.0)[column]
    c, s = np.cos(oblique), np.sin(oblique)
    affine = np.eye(4)
    affine[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]] @ linear
    c, s = np.cos(oblique / 2), np.sin(oblique / 2)
    affine[:3, :3] = [[1, 0, 0], [0, c, -s], [0, s, c]] @ affine[:3, :3]
    affine[:3, 3] = (-11, 7, 23)
    return affine


def one_hot(labels, classes):
    return np.stack([(labels == k).astype(np.float32) for k in range(classes)])


def there_and_back(plan, image, label, classes):
    """Send the true label through a plan as a perfect network would."""
    prepared = plan.apply(image)
    labels = plan.apply_label(label, prepared)
    return plan.undo_labels(one_hot(labels, classes), prepared)


def dice(a, b):
    return overlap_scores(count_agreement(a, b))["dice"]
