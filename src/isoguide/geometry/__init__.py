"""Frames, rigid transforms, the IEC 61217 chain, the couch correction and voxel grids."""
