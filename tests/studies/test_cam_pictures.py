"""Pictures that trials save, and the sheets that are drawn from them alone."""

import numpy as np
from PIL import Image as PillowImage

from segscope.studies.cam_pictures import save_pictures, sheets
from segscope.training.classify_images import labelled_images
from segscope.workflows.filtered import FILTERS
from tests.studies.cam_results import classifiers, write_pictures
from tests.training.test_classify import write_classes


def test_a_few_regions_of_each_class_are_kept(tmp_path):
    rois = write_classes(tmp_path / "rois", subjects=22, each=1)
    images = labelled_images(rois, "class")
    root = tmp_path / "trial"
    black = PillowImage.fromarray(np.zeros((40, 36), np.uint8))
    for kind in FILTERS:
        (root / f"filtered_{kind}" / "imagesTr").mkdir(parents=True)
        for case in images.cases:
            black.save(root / f"filtered_{kind}" / "imagesTr" / f"{case.name}_0000.png")
    (root / "labels_otsu" / "heatmaps").mkdir(parents=True)
    for k in range(1, 22, 2):
        black.save(root / "labels_otsu" / "heatmaps" / f"s{k:02d}_0.png")
    save_pictures(root, root / "pictures", images)
    kept = {f.stem for f in (root / "pictures" / "map").iterdir()}
    # of eleven abnormal ones the first eight and the last, as one of four at equal steps
    assert kept == {f"s{k:02d}_0" for k in (1, 3, 5, 7, 9, 11, 13, 15, 21)}
    both = {f.name for f in (root / "pictures" / "truth").iterdir()}
    assert both - {f"{n}.png" for n in kept} == {"s00_0.png", "s02_0.png", "s04_0.png"}
    region = root / "pictures" / "region" / "s01_0.png"
    assert region.read_bytes() == (rois.folder / "imagesTr" / "s01_0_0000.png").read_bytes()


def test_sheets_are_drawn_from_the_first_draws_pictures_alone(tmp_path):
    write_pictures(tmp_path)
    for file in tmp_path.glob("trials/*/d1/pictures/*/*"):
        file.unlink()
    found = sheets(classifiers(), tmp_path)
    assert set(found) == {"maps", "one_classifier", "filtered"}
    for name, png in found.items():
        assert (tmp_path / f"{name}.png").read_bytes() == png
        assert png.startswith(b"\x89PNG")
