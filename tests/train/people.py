"""Tiny shards of splatted people: exact truth, no renderer needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from core.body.load import load_body
from core.geometry.rotations import rotation_from_axis_angle


def splat_person(size: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """A body as coloured dots on noise, with the fields of a training sample."""
    body = load_body()
    pose = random.normal(0, 0.15, (24, 3)).astype(np.float32)
    pose[0] = [np.pi - 0.1, 0.05, 0.05]
    betas = random.normal(0, 1, 10).astype(np.float32)
    focal, transl = 3.0 * size, np.array([0.05, 0.35, 6.5], np.float32)
    posed = body.pose(
        rotation_from_axis_angle(torch.from_numpy(pose))[None],
        torch.from_numpy(betas)[None],
        torch.from_numpy(transl)[None],
    )
    vertices = posed.vertices[0].numpy()
    part = body.vertex_part.numpy()
    pixel = (focal * vertices[:, :2] / vertices[:, 2:] + size / 2).astype(int)
    order = np.argsort(-vertices[:, 2])  # far to near
    order = order[((pixel >= 0) & (pixel < size)).all(1)[order]]
    image = random.integers(0, 80, (size, size, 3)).astype(np.uint8)
    parts = np.zeros((size, size), np.uint8)
    depth = np.full((size // 2, size // 2), np.inf, np.float16)
    for reach in (-1, 0, 1):  # dots three pixels wide close the gaps
        for i in order:
            x, y = np.clip(pixel[i] + [reach, reach], 0, size - 1)
            image[y, x] = [100 + 6 * part[i], 250 - 8 * part[i], 40 * (part[i] % 6)]
            parts[y, x] = part[i] + 1
            depth[y // 2, x // 2] = vertices[i, 2]
    joints = posed.joints[0].numpy()
    return {
        "image": image,
        "focal": np.float32(focal),
        "pose": pose,
        "betas": betas,
        "transl": transl,
        "joints": joints,
        "joints2d": (focal * joints[:, :2] / joints[:, 2:] + size / 2).astype(np.float32),
        "parts": parts,
        "occluder": np.zeros((size, size), bool),
        "depth": depth,
    }


def write_shard(folder: Path, count: int, size: int = 256, seed: int = 0) -> Path:
    """A shard of ``count`` splatted people."""
    random = np.random.default_rng(seed)
    samples = [splat_person(size, random) for _ in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for name in samples[0]:
        np.save(folder / f"{name}.npy", np.stack([sample[name] for sample in samples]))
    return folder
