"""SMPL-format bodies: names, kinematics, skinning and files."""
