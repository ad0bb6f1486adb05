"""What the picture shows beside the person: scene, light, occluders, and the dense labels."""
