import numpy as np
import pytest
import torch

from core.pictures.colors import (
    NOWHERE,
    OCCLUDED,
    PART_PALETTE,
    SEEN,
    UNSURE,
    FeatureColors,
    occlusion_colors,
    part_colors,
)


def features(seed=0, height=12, width=10, dim=16):
    """A map with three clearly different axes of variation."""
    generator = torch.Generator().manual_seed(seed)
    latent = torch.rand(height, width, 3, generator=generator) * torch.tensor([4.0, 2.0, 1.0])
    axes = torch.linalg.qr(torch.randn(dim, 3, generator=generator)).Q
    return latent @ axes.T + 0.3


def test_same_input_same_bits_and_map_or_list_alike():
    first, again = FeatureColors.fit(features()), FeatureColors.fit(features())
    listed = FeatureColors.fit(features().flatten(0, 1))
    for a, b, c in zip(*(vars(x).values() for x in (first, again, listed)), strict=True):
        assert (a == b).all() and (a == c).all()


def test_shapes_and_full_range():
    shown = FeatureColors.fit(features()).apply(features())
    assert shown.shape == (12, 10, 3) and shown.dtype == np.uint8
    assert (shown.reshape(-1, 3).min(0) <= 25).all() and (shown.reshape(-1, 3).max(0) >= 240).all()


def test_axes_are_ordered_orthonormal_and_signed():
    colors = FeatureColors.fit(features())
    assert torch.allclose(colors.basis.T @ colors.basis, torch.eye(3), atol=1e-5)
    assert (colors.basis.gather(0, colors.basis.abs().argmax(0)[None]) > 0).all()
    spread = ((features().flatten(0, 1) - colors.mean) @ colors.basis).var(0)
    assert spread[0] > spread[1] > spread[2]


def test_sign_does_not_depend_on_the_order_of_samples():
    samples = features().flatten(0, 1)
    shuffled = samples[torch.randperm(len(samples), generator=torch.Generator().manual_seed(1))]
    there = FeatureColors.fit(shuffled).apply(features())
    assert np.abs(there.astype(int) - FeatureColors.fit(samples).apply(features())).max() <= 1


def test_fitted_basis_is_not_refitted():
    """A second map in the first one's colours: equal features get equal colours."""
    colors = FeatureColors.fit(features())
    other = features(seed=5)
    other[0, 0] = features()[3, 4]
    assert (colors.apply(other)[0, 0] == colors.apply(features())[3, 4]).all()


@pytest.mark.parametrize("dim", [1, 2])
def test_missing_axes_are_grey(dim):
    maps = torch.rand(6, 5, dim, generator=torch.Generator().manual_seed(0))
    shown = FeatureColors.fit(maps).apply(maps)
    assert len(np.unique(shown[..., dim])) == 1 and len(np.unique(shown[..., 0])) > 5


def test_constant_empty_and_unfinite_samples():
    constant = torch.ones(4, 4, 8)
    assert len(np.unique(FeatureColors.fit(constant).apply(constant))) == 1
    empty = FeatureColors.fit(torch.zeros(0, 8))
    assert len(np.unique(empty.apply(constant))) == 1
    broken = features()
    broken[0, 0] = torch.nan
    colors = FeatureColors.fit(broken)
    assert colors.basis.isfinite().all()
    assert (colors.apply(broken)[1:] == colors.apply(features())[1:]).all()


def test_occlusion_stops():
    level = np.array([[1.0, 0.5, 0.0, np.nan, 2.0, -1.0]])
    shown = occlusion_colors(level)[0]
    assert [tuple(c) for c in shown.tolist()] == [SEEN, UNSURE, OCCLUDED, NOWHERE, SEEN, OCCLUDED]


def test_occlusion_is_monotone_in_blue_and_orange():
    ramp = occlusion_colors(np.linspace(0, 1, 101, dtype=np.float32)[None])[0].astype(int)
    assert (np.diff(ramp[:, 2]) >= 0).all() and (np.diff(ramp[:, 0]) <= 0).all()


def test_parts_differ_and_background_is_black():
    shown = part_colors(np.arange(25, dtype=np.uint8)[None])
    assert tuple(shown[0, 0]) == (0, 0, 0)
    distances = np.abs(PART_PALETTE[:, None].astype(int) - PART_PALETTE[None]).sum(-1)
    assert distances[~np.eye(25, dtype=bool)].min() > 30
