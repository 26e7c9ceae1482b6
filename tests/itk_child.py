"""SimpleITK alone in a process, which a file may kill: paths in, affines and arrays out."""

import json
import resource
import sys

import numpy as np
import SimpleITK


def main() -> None:
    """Answer each path of the input by a line: its affine in RAS, or none where it is refused."""
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for line in sys.stdin.read().splitlines():
        affine = None
        try:
            image = SimpleITK.ReadImage(line)
            while image.GetDimension() > 3 and image.GetSize()[-1] == 1:
                image = image[(slice(None),) * (image.GetDimension() - 1) + (0,)]
            array = SimpleITK.GetArrayFromImage(image)
            if image.GetNumberOfComponentsPerPixel() == 1 and array.ndim > image.GetDimension():
                array = array[..., 0]
            np.save(f"{line}.npy", array.transpose())
            count = image.GetDimension()
            affine = np.eye(count + 1)
            directions = np.array(image.GetDirection()).reshape(count, count)
            affine[:count, :count] = directions * np.array(image.GetSpacing())
            affine[:count, count] = image.GetOrigin()
            affine[:2] *= -1
            affine = affine.tolist()
        except RuntimeError:
            pass
        print(json.dumps({"path": line, "affine": affine}), flush=True)


if __name__ == "__main__":
    main()
