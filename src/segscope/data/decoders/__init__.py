"""One decoder per kind of file; what its parser has checked is what becomes voxels."""
