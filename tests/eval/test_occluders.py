import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.eval.occluders import (
    Patch,
    cover,
    patch_grid,
    patch_side,
    place_patch,
    random_patch,
    scored_joints,
    slide,
    touching,
    worst_patch,
)
from core.synth.dressing.appearance import MaterialLibrary

TEXTURE = MaterialLibrary.load(None, "test").patch


def noise(size, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


def person(size):
    mask = np.zeros((size, size), bool)
    mask[size // 4 : size - 2, size // 3 : size // 2] = True
    return mask


@pytest.mark.parametrize(("patch", "size", "side"), [(80, 224, 80), (40, 224, 40), (80, 256, 91)])
def test_sides_scale_with_the_picture(patch, size, side):
    assert patch_side(patch, size) == side


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([40, 80]), st.sampled_from([64, 224, 256, 320]))
def test_random_patches_lie_inside_and_over_the_person(seed, patch, size):
    chosen = random_patch(person(size), patch, seed)
    assert 0 <= chosen.x <= size - chosen.side and 0 <= chosen.y <= size - chosen.side
    assert (person(size) & chosen.mask(size)).any()


def test_placing_changes_the_patch_only_and_not_the_input():
    image = noise(224)
    covered, mask = place_patch(image, person(224), 80, 5, TEXTURE)
    assert (image == noise(224)).all() and mask.sum() == 80 * 80
    assert (covered[~mask] == image[~mask]).all() and (covered[mask] != image[mask]).any(-1).any()


def test_seed_decides_place_and_texture():
    first, again, other = (
        place_patch(noise(128), person(128), 80, seed, TEXTURE) for seed in (1, 1, 2)
    )
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[1] != other[1]).any()
    places = {random_patch(person(128), 40, seed) for seed in range(20)}
    assert len(places) > 15


def test_empty_mask():
    with pytest.raises(ValueError, match="mask is empty"):
        random_patch(np.zeros((64, 64), bool), 40, 0)


def test_texture_is_textured():
    patches = [
        cover(np.zeros((80, 80, 3), np.uint8), Patch(0, 0, 80), s, TEXTURE) for s in range(8)
    ]
    assert np.mean([p.std((0, 1)).max() > 5 for p in patches]) > 0.5


@pytest.mark.parametrize(("patch", "count"), [(40, 19), (80, 15)])
def test_grid_of_the_paper(patch, count):
    grid = patch_grid(224, patch)
    assert len(grid) == count**2
    assert grid[0] == Patch(0, 0, patch) and grid[1] == Patch(10, 0, patch)
    assert grid[-1].x + patch <= 224 and grid[-1].x + patch > 214


@pytest.mark.parametrize("size", [64, 256, 320])
def test_grid_of_other_sizes(size):
    grid = patch_grid(size, 80)
    assert len(grid) == 15**2 and len({(p.x, p.y) for p in grid}) == 15**2
    assert all(p.x + p.side <= size and p.y + p.side <= size for p in grid)


def test_touching_leaves_out_what_changes_nothing():
    mask = person(224)
    grid = patch_grid(224, 40)
    kept = touching(grid, mask)
    assert 0 < len(kept) < len(grid)
    assert all((p in kept) == (mask & p.mask(224)).any() for p in grid)


def test_slide_covers_each_place_in_turn():
    patches = patch_grid(64, 80)[:5]
    shown = list(slide(noise(64), patches, 3, TEXTURE))
    assert [patch for patch, _ in shown] == patches
    for patch, picture in shown:
        outside = ~patch.mask(64)
        assert (picture[outside] == noise(64)[outside]).all()
    again = list(slide(noise(64), patches, 3, TEXTURE))
    assert all((a[1] == b[1]).all() for a, b in zip(shown, again, strict=True))
    squares = [p[q.y : q.y + q.side, q.x : q.x + q.side] for q, p in shown]
    assert (squares[0] != squares[1]).any()


def test_scored_joints_are_inside_and_uncovered():
    joints = np.array([[5.0, 5], [-0.1, 5], [5, 64], [63.9, 63.9], [20, 20], [29.99, 10], [30, 10]])
    assert scored_joints(joints, 64).tolist() == [True, False, False, True, True, True, True]
    patch = Patch(10, 10, 20)
    expected = [True, False, False, True, False, False, True]
    assert scored_joints(joints, 64, [patch]).tolist() == expected


class TestWorst:
    clean = np.array([10.0, 10, 10])

    def test_relative_growth_of_the_scored_joints(self):
        occluded = np.array([[20.0, 20, 20], [10, 10, 900], [15, 70, 10]])
        scored = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1]], bool)
        assert worst_patch(self.clean, occluded, scored) == 2

    def test_compared_with_the_same_joints_when_clean(self):
        """A joint that is always bad must not make the patch that leaves only it look worst."""
        clean = np.array([10.0, 500])
        occluded = np.array([[10.0, 500], [20, 500]])
        scored = np.array([[0, 1], [1, 0]], bool)
        assert worst_patch(clean, occluded, scored) == 1

    def test_patches_without_joints_cannot_win(self):
        occluded = np.array([[900.0] * 3, [11.0] * 3])
        scored = np.array([[0, 0, 0], [1, 0, 0]], bool)
        assert worst_patch(self.clean, occluded, scored) == 1
        with pytest.raises(ValueError, match="no patch"):
            worst_patch(self.clean, occluded, np.zeros((2, 3), bool))
