"""Labels from maps."""

import numpy as np
from PIL import Image as PillowImage

from segscope.data import read_label
from segscope.workflows.weak_labels import label_weakly
from tests.training.test_classify import write_classes


def test_labels_from_maps_are_written_for_abnormal_images_only(tmp_path):
    rois = write_classes(tmp_path / "rois", subjects=4, each=1)
    maps = tmp_path / "maps"
    maps.mkdir()
    name = rois.training[1].name
    levels = np.zeros((40, 36), np.uint8)
    levels[5:9, 5:9] = 200
    PillowImage.fromarray(levels).save(maps / f"{name}.png")
    weak = label_weakly(rois, tmp_path / "weak", maps, {name: 150})
    found = {case.name: read_label(case.label_file).array for case in weak.training}
    assert found[name].sum() == 16
    assert found[name][5:9, 5:9].all()
    assert not any(found[case.name].any() for case in rois.training if case.name != name)
