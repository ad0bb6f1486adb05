"""SMPL-format bodies: names, kinematics, skinning, and the files they come from."""
