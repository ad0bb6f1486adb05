"""Build the free body: an SMPL-format body made from MakeHuman's CC0 data."""
