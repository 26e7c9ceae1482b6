"""Scans to predict, and networks for them."""

import nibabel as nib

from tests.inference.test_predict import oblique_image


def write_nifti(file, array=None, affine=None):
    image = oblique_image()
    array = image.array[0] if array is None else array
    nifti = nib.Nifti1Image(array, image.grid.affine if affine is None else affine)
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = b"DOE^JANE"
    nifti.header["aux_file"] = b"DOE^JANE"
    nifti.header["intent_name"] = b"DOE^JANE"
    nifti.header["db_name"] = b"DOE^JANE"
    nifti.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE"))
    nib.save(nifti, file)
    return file


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
