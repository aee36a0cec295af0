"""Volumes from research files: NIfTI, NRRD and MetaImage (the optional extra ``formats``)."""

from isoguide.volume_files.reading import VolumeFile, is_volume_file, load_volume_file, read_volume_file

__all__ = ["VolumeFile", "is_volume_file", "load_volume_file", "read_volume_file"]
