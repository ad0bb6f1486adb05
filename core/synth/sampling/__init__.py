"""What a synthetic person is: shape, pose and the camera that sees it."""
