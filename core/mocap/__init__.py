"""Reading motion capture of several formats as poses of the SMPL skeleton."""
