"""Detectors, one a file: each module defines ``DETECTOR``, a `core.fit.detector.Detector`."""
