"""Forward kinematics and blending against a slow loop, by symmetry, and by finite differences."""

from __future__ import annotations

import pytest
import torch

from core.body.kinematics import blend, forward_kinematics
from core.body.names import JOINT_FLIP, JOINT_NAMES, LIMB_OF_JOINT, LIMBS, PARENTS
from core.geometry.rotations import rotation_from_axis_angle
from tests.toys import JOINTS, toy_body


def random_rotations(batch, seed=0, dtype=torch.float64, joints=24):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(batch, joints, 3, generator=generator, dtype=torch.float64)
    return rotation_from_axis_angle(vectors).to(dtype)


def random_joints(batch, seed=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, 24, 3, generator=generator, dtype=torch.float64)
    return (torch.as_tensor(JOINTS) + 0.05 * noise).to(dtype)


def slow_chain(rotations, joints):
    """4x4 matrices multiplied down the tree, one joint after another."""
    world = []
    for joint, parent in enumerate(PARENTS):
        local = torch.eye(4, dtype=joints.dtype)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if joint else 0)
        world.append(world[parent] @ local if joint else local)
    return torch.stack(world)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_a_slow_loop(dtype):
    rotations, joints = random_rotations(3, dtype=dtype), random_joints(3, dtype=dtype)
    kinematics = forward_kinematics(rotations, joints)
    for i in range(3):
        world = slow_chain(rotations[i].double(), joints[i].double()).to(dtype)
        torch.testing.assert_close(kinematics.rotations[i], world[:, :3, :3])
        torch.testing.assert_close(kinematics.joints[i], world[:, :3, 3])
    assert kinematics.translations.dtype == dtype


def test_translations_place_points():
    """R x + t moves each rest joint to its posed place, and the pelvis stays."""
    rotations, joints = random_rotations(2), random_joints(2)
    motion = forward_kinematics(rotations, joints)
    placed = (motion.rotations @ joints[..., None])[..., 0] + motion.translations
    torch.testing.assert_close(placed, motion.joints)
    torch.testing.assert_close(motion.joints[:, 0], joints[:, 0])


def test_rest_pose_is_identity():
    joints = random_joints(2)
    motion = forward_kinematics(torch.eye(3, dtype=torch.float64).expand(2, 24, 3, 3), joints)
    torch.testing.assert_close(motion.joints, joints)
    torch.testing.assert_close(motion.translations, torch.zeros_like(joints))


def test_bones_keep_their_length():
    rotations, joints = random_rotations(2), random_joints(2)
    posed = forward_kinematics(rotations, joints).joints
    for a, b in enumerate(PARENTS[1:], 1):
        torch.testing.assert_close(
            (posed[:, a] - posed[:, b]).norm(dim=-1), (joints[:, a] - joints[:, b]).norm(dim=-1)
        )


def test_turning_the_root_turns_everything():
    """Equivariance about the rest pelvis."""
    rotations, joints = random_rotations(2), random_joints(2)
    turn = random_rotations(1, seed=5)[0, 0]
    before = forward_kinematics(rotations, joints)
    turned = torch.cat([turn @ rotations[:, :1], rotations[:, 1:]], 1)
    after = forward_kinematics(turned, joints)
    pelvis = joints[:, :1]
    torch.testing.assert_close(after.joints, (before.joints - pelvis) @ turn.T + pelvis)
    torch.testing.assert_close(after.rotations, turn @ before.rotations)


def test_mirror_symmetry():
    """Mirrored rotations of flipped joints give the mirrored skeleton."""
    flip, sign = list(JOINT_FLIP), torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
    joints = torch.as_tensor(JOINTS)[None]
    rotations = random_rotations(1)
    mirrored = sign @ rotations[:, flip] @ sign
    straight = forward_kinematics(rotations, joints @ sign).joints
    other = forward_kinematics(mirrored, (joints @ sign)[:, flip] @ sign).joints
    torch.testing.assert_close(other, straight[:, flip] @ sign)


def test_only_descendants_move():
    rotations = torch.eye(3, dtype=torch.float64).repeat(1, 24, 1, 1)
    rotations[0, 18] = random_rotations(1)[0, 0]  # the left elbow
    joints = random_joints(1)
    moved = (forward_kinematics(rotations, joints).joints - joints).norm(dim=-1)[0] > 1e-9
    assert moved.nonzero()[:, 0].tolist() == [20, 22]


def test_gradients():
    rotations, joints = random_rotations(1), random_joints(1)
    weights = torch.rand(2, 24, dtype=torch.float64)

    def everything(rotations, joints):
        motion = forward_kinematics(rotations, joints)
        return (motion.joints, *blend(motion, weights))

    inputs = (rotations.requires_grad_(), joints.requires_grad_())
    assert torch.autograd.gradcheck(everything, inputs, fast_mode=True)


def test_pose_gradients():
    body = toy_body(torch.float64)
    generator = torch.Generator().manual_seed(0)
    keep = torch.randint(len(body.v_template), (5,), generator=generator)
    inputs = [
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((1, 24, 3), (1, 10), (1, 3))
    ]

    def everything(pose, betas, transl):
        posed = body.pose(rotation_from_axis_angle(pose), betas, transl)
        return posed.vertices[:, keep], posed.joints

    assert torch.autograd.gradcheck(everything, inputs, fast_mode=True)


def test_blend_mixes_motions():
    motion = forward_kinematics(random_rotations(2), random_joints(2))
    weights = torch.zeros(2, 24, dtype=torch.float64)
    weights[0, 7] = 1
    weights[1, 3], weights[1, 5] = 0.25, 0.75
    linear, offset = blend(motion, weights)
    torch.testing.assert_close(linear[:, 0], motion.rotations[:, 7])
    torch.testing.assert_close(offset[:, 0], motion.translations[:, 7])
    mixed = 0.25 * motion.translations[:, 3] + 0.75 * motion.translations[:, 5]
    torch.testing.assert_close(offset[:, 1], mixed)


def test_names():
    assert len(JOINT_NAMES) == len(PARENTS) == len(LIMB_OF_JOINT) == 24
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    assert [JOINT_FLIP[j] for j in JOINT_FLIP] == list(range(24))
    for joint, other in enumerate(JOINT_FLIP):
        if joint == other:
            assert JOINT_NAMES[joint][1] != "_"
        else:
            assert JOINT_NAMES[joint][2:] == JOINT_NAMES[other][2:]
            assert PARENTS[other] == JOINT_FLIP[PARENTS[joint]]
    for limb, (name, (start, _)) in enumerate(LIMBS.items()):
        assert all(LIMB_OF_JOINT[j] == limb or name == "torso" for j in start)
        assert JOINT_NAMES[start[0]][0] == name[0] or name == "torso"
