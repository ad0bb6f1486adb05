"""Neural Body Volumes: a posed body as Gaussian ellipsoids that emit pose-dependent features."""
