"""A study of classifiers' maps with results written by hand: two classifiers, two draws."""

import numpy as np
from PIL import Image as PillowImage

from segscope.experiments import Arm, Draw, Experiment, Outcome, Step
from segscope.explain import CAM_METHODS
from segscope.studies.cam_outcome import SUPERVISED, Classifiers, Done

LESIONS = [f"a{k}" for k in range(8)]
PLAIN = [f"n{k}" for k in range(8)]
CASES = [*LESIONS, *PLAIN]
CRITERIA = ("otsu", "image-level")
SUBJECTS = {name: f"p{name[1:]}" for name in CASES}  # of each a lesion and a plain place
TESTED = {name: [c for c in CASES if int(c[1:]) % 2 == k] for k, name in enumerate(("d0", "d1"))}


def draw(name):
    rest = [c for c in CASES if c not in TESTED[name]]
    return Draw(name=name, seed=0, train=tuple(rest[1:]), val=(rest[0],), test=tuple(TESTED[name]))


def maps(names, value):
    return [
        {"case": n, "mean_dice": value, "dice": value + 0.1, "oracle_dice": value + 0.2}
        for n in names
    ]


def result(name, *, good):
    """A classifier that is right everywhere, or wrong on plain places."""
    tested = TESTED[name]
    lesions = [n for n in tested if n in LESIONS]
    images = {
        n: {"right": float(good or n in LESIONS), "abnormal": float(n in LESIONS),
            "p": 0.9 if n in LESIONS or not good else 0.1}
        for n in tested
    }  # fmt: skip
    kind = {"val_accuracy": 0.75 if name == "d0" else 0.25, "images": images, "minutes": 2.0,
            "epochs": 3,
            "test": {"accuracy": {"value": 0.5, "lower": 0.1, "upper": 0.9}}}  # fmt: skip
    dice = 0.8 if good else 0.4
    ability = dict.fromkeys(lesions, 0.6)
    layers = [
        {"layer": layer, "depth": depth, "sides": [4, 4], "channels": 2,
         "ability": {n: v + depth / 10 for n, v in ability.items()}, "untrained": ability}
        for layer, depth in (("one", 0.0), ("two", 1.0))
    ]  # fmt: skip
    return {
        "trained": dict.fromkeys(("original", "cam", "truth", "inverse"), kind),
        "mean_dice": dict.fromkeys(LESIONS, dice),
        "methods": {method: maps(lesions, dice) for method in CAM_METHODS},
        "map": "gradcam_signed",
        "weak": {c: dict.fromkeys(lesions, dice) for c in CRITERIA},
        "layers": layers,
        "by_layer": {"two": {m: maps(lesions, 0.3) for m in ("gradcam", "hirescam")}},
    }


def arm(name, **options):
    return Arm(name=name, kind="work", work="segscope.studies.cam_trials:learn", options=options)


def unets():
    """Dice of U-Nets: of true masks 0.9, of maps that of the maps less a little of each lesion."""
    dice = {SUPERVISED: dict.fromkeys(LESIONS, 0.9)}
    for name, of_maps in (("good", 0.8), ("poor", 0.4)):
        for criterion in CRITERIA:
            dice[f"{name} ({criterion})"] = {n: of_maps - int(n[1:]) / 100 for n in LESIONS}
    rows = [
        {"arm": name, "draw": of, "seed": 0, "case": n, "subject": SUBJECTS[n], "label": "lesion",
         "status": "ok", "dice": values[n]}
        for name, values in dice.items() for of, tested in TESTED.items()
        for n in tested if n in LESIONS
    ]  # fmt: skip
    experiment = Experiment(
        dataset="data",
        content="content",
        arms=tuple(arm(name, unet={"train": {"epochs": 2}}) for name in dice),
        draws=tuple(draw(name) for name in TESTED),
        reference=SUPERVISED,
        metrics=("dice",),
        steps=tuple(Step(arm=arm(n, settings={"size": [32, 32]})) for n in ("good", "poor")),
    )
    return Outcome(experiment, tuple(rows), {}, ())


REGIONS = {
    "source": "content",
    "counts": {"abnormal": 8, "normal": 8},
    "subjects": SUBJECTS,
    "whole": dict.fromkeys(LESIONS, 0.5),
    "centred": dict.fromkeys(LESIONS, 0.25),
    "shortcuts": {"rows": {"value": 0.5, "lower": 0.4, "upper": 0.6}},
}


def classifiers():
    done = [
        Done(arm, draw(name), result(name, good=arm == "good"), f"trials/{arm}/{name}")
        for name in TESTED
        for arm in ("good", "poor")
    ]
    return Classifiers(unets(), REGIONS, tuple(done), ("third d0",))


def write_pictures(folder):
    """What the trials would have saved: a dark region with a bright square."""
    picture = np.full((24, 20), 30, np.uint8)
    picture[8:16, 6:14] = 220
    for one in classifiers().done:
        for case in one.draw.test:
            for kind in ("region", "mask", "map", "cam", "truth", "inverse"):
                file = folder / one.place / "pictures" / kind / f"{case}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                PillowImage.fromarray(picture).save(file)
