"""Triangle meshes rasterised with gradients: the operator, its twin, and calls of cuda/mesh."""
