"""Networks: trunks, U-Net, regression head, keypoint and person detectors, pose prior."""
