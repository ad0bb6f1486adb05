"""How fast the engine is, and how far from what the machine can do."""
