"""Data sets of three people in the layouts of their authors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
from scipy.spatial.transform import Rotation

from core.body.names import JOINT_NAMES
from core.datasets.landmarks import (
    COCO_17,
    COCO_18,
    HUMAN_DATA_190,
    MPI_INF_3DHP_28,
    SPIN_24,
    PointLayout,
)
from tests.datasets.world import PEOPLE, World, write_photo

HIDDEN = 5
"""The joint that is unknown in all files: the right knee."""


def laid_out(points: np.ndarray, layout: PointLayout) -> np.ndarray:
    """SMPL's joints (people, 24, n) in a file's order with confidence; LSP's hips are SMPL's."""
    rows = np.zeros((len(points), len(layout), points.shape[-1] + 1))
    for column, name in enumerate(layout):
        joint = (name or "").replace("_lsp", "")
        if joint in JOINT_NAMES and joint != JOINT_NAMES[HIDDEN]:
            rows[:, column, :-1] = points[:, JOINT_NAMES.index(joint)]
            rows[:, column, -1] = 1
    return rows


def center_and_scale(world: World) -> tuple[np.ndarray, np.ndarray]:
    boxes = world.boxes
    return boxes[:, :2] + boxes[:, 2:] / 2, 1.2 * boxes[:, 2:].max(1) / 200


def spin_arrays(world: World, names: list[str]) -> dict[str, np.ndarray]:
    center, scale = center_and_scale(world)
    return {
        "imgname": np.array(names),
        "center": center,
        "scale": scale,
        "part": laid_out(world.pixels, SPIN_24),
        "openpose": np.zeros((PEOPLE, 25, 3)),
        "S": laid_out(world.joints - world.joints[:, :1], SPIN_24),
        "pose": world.pose.reshape(PEOPLE, 72),
        "shape": world.betas,
        "has_smpl": np.array([1, 0, 1]),
        "gender": np.array(["m", "f", "n"]),
    }


def write_spin(folder: Path, world: World, file: str = "h36m_train.npz") -> Path:
    names = [f"images/S{5 + i}_Walking_1.5413_{i + 1:06d}.jpg" for i in range(PEOPLE)]
    for name in names:
        write_photo(folder / name)
    np.savez(folder / file, **spin_arrays(world, names))
    return folder / file


def write_eft(folder: Path, world: World, points: bool = True) -> Path:
    """Weak cameras, and the 2D points that they see."""
    center, scale = center_and_scale(world)
    entries = []
    for person in range(PEOPLE):
        name = f"COCO_train2014_{person:012d}.jpg"
        write_photo(folder / "train2014" / name)
        entry = {
            "parm_pose": Rotation.from_rotvec(world.pose[person]).as_matrix().tolist(),
            "parm_shape": world.betas[person].tolist(),
            "parm_cam": [0.8, 0.1, -0.2],
            "bbox_center": center[person].tolist(),
            "bbox_scale": float(scale[person]),
            "imageName": name,
            "annotId": 100 + person,
            "smpltype": "smpl",
            "joint_validity_openpose18": [1.0] * 18,
        }
        if points:
            flat = laid_out(world.pixels, SPIN_24)[person]
            entry["gt_keypoint_2d"] = np.concatenate([np.zeros((25, 3)), flat]).tolist()
        entries.append(entry)
    path = folder / "COCO2014-All-ver01.json"
    path.write_text(json.dumps({"ver": 0.1, "data": entries, "meta": {"dbname": "toy"}}))
    return path


def rectangle(x: float, y: float, width: float, height: float) -> list[float]:
    """A box as COCO's polygon."""
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def coco_document(world: World, names: list[str]) -> dict:
    points = laid_out(world.pixels, COCO_17)
    points[..., 2] *= 2  # v = 2: seen
    points[0, COCO_17.index("l_wrist"), 2] = 1  # hidden
    images = [{"id": 7 + i, "file_name": name} for i, name in enumerate(names)]
    annotations = [
        {
            "id": 100 + i,
            "image_id": 7 + i,
            "keypoints": points[i].ravel().tolist(),
            "bbox": world.boxes[i].tolist(),
            "iscrowd": 0,
            "segmentation": [rectangle(*world.boxes[i].tolist())],
        }
        for i in range(PEOPLE)
    ]
    return {"images": images, "annotations": annotations}


def write_photos(folder: Path, world: World) -> Path:
    names = [f"IMG {i}.jpg" for i in range(PEOPLE)]
    for name in names:
        write_photo(folder / name)
    path = folder / "person_keypoints.json"
    path.write_text(json.dumps(coco_document(world, names)))
    return path


def human_data(world: World, names: list[str]) -> dict[str, object]:
    """As HumanData.dump writes it: compressed points, dictionaries as pickled objects."""
    points2d = laid_out(world.pixels, HUMAN_DATA_190)
    points3d = laid_out(world.joints, HUMAN_DATA_190)
    mask = (points2d[0, :, 2] > 0).astype(np.uint8)
    boxes = np.concatenate([world.boxes, np.ones((PEOPLE, 1))], 1)
    boxes[:, :2] -= 0.1 * boxes[:, 2:4]
    boxes[:, 2:4] *= 1.2
    return {
        "__key_strict__": False,
        "__data_len__": PEOPLE,
        "__keypoints_compressed__": True,
        "image_path": names,
        "bbox_xywh": boxes,
        "config": "toy",
        "keypoints2d": points2d[:, mask > 0],
        "keypoints2d_mask": mask,
        "keypoints2d_convention": "human_data",
        "keypoints3d": points3d[:, mask > 0],
        "keypoints3d_mask": mask,
        "smpl": {
            "global_orient": world.pose[:, 0],
            "body_pose": world.pose[:, 1:],
            "betas": world.betas,
            "transl": world.transl,
        },
        "meta": {"gender": np.array(["male", "f", "n"])},
        "cam_param": [{"in_mat": world.matrix.tolist(), "H": 120, "name": "default"}] * PEOPLE,
    }


def write_human_data(folder: Path, world: World) -> Path:
    names = [f"scene/{i:05d}.jpg" for i in range(PEOPLE)]
    for name in names:
        write_photo(folder / name)
    path = folder / "toy_train.npz"
    np.savez_compressed(path, **human_data(world, names))
    return path


def sequence(world: World, name: str) -> dict[str, object]:
    """A sequence of 3DPW with two people and two frames: person 1 has no camera in frame 0.

    Person 0 is the world's person 0 in frame 0 and person 1 in frame 1; person 1 is the world's 1
    (which nobody may see) and 2.
    """
    pose, joints = world.in_world()
    detected = laid_out(world.pixels, COCO_18).swapaxes(1, 2)
    rows = ([0, 1], [1, 2])
    return {
        "sequence": name,
        "poses": [pose[r].reshape(2, 72) for r in rows],
        "trans": [np.zeros((2, 3)) for _ in rows],
        "jointPositions": [joints[r].reshape(2, 72) for r in rows],
        "betas": [np.concatenate([world.betas[p], np.zeros(290)]) for p in (0, 2)],
        "poses2d": [detected[r] for r in rows],
        "campose_valid": [np.array([1, 1]), np.array([0, 1])],
        "genders": ["m", "f"],
        "cam_poses": np.stack([world.camera_from_world] * 2),
        "cam_intrinsics": world.matrix,
        "img_frame_ids": np.arange(2),
        "v_template_clothed": [np.zeros((5, 3)), np.zeros((5, 3))],
        "texture_maps": [],
    }


def write_3dpw(
    folder: Path, world: World, name: str = "outdoors_golf_00", split: str = "test"
) -> Path:
    for frame in range(2):
        write_photo(folder / "imageFiles" / name / f"image_{frame:05d}.jpg")
    path = folder / "sequenceFiles" / split / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(sequence(world, name), protocol=2))
    return path


def write_3doh50k(folder: Path, world: World, joints_in_world: bool, scale: float = 7.0) -> Path:
    pose, joints = world.in_world()
    shown_joints = joints if joints_in_world else world.joints
    extrinsics = world.camera_from_world.copy()
    extrinsics[:3, 3] *= scale
    entries = {}
    for person in range(PEOPLE):
        write_photo(folder / "testset" / "images" / f"{person:05d}.jpg")
        low, high = world.pixels[person].min(0), world.pixels[person].max(0)
        entries[f"{person:05d}"] = {
            "img_path": f"images\\{person:05d}.jpg",
            "mask_path": "",
            "bbox": [low.tolist(), high.tolist()],
            "intri": world.matrix.tolist(),
            "extri": extrinsics.tolist(),
            "smpl_joints_2d": world.pixels[person].tolist(),
            "smpl_joints_3d": (scale * shown_joints[person]).tolist(),
            "lsp_joints_2d": [],
            "pose": [pose[person].ravel().tolist()],
            "betas": [world.betas[person].tolist()],
            "scale": [scale],
            "trans": [[0, 0, 0]],
        }
    path = folder / "testset" / "annots.json"
    path.write_text(json.dumps(entries))
    return path


def bedlam_arrays(world: World, names: list[str], smplx: bool = False) -> dict[str, np.ndarray]:
    center, scale = center_and_scale(world)
    moved = np.array([0.1, 0.2, 2.5])
    extrinsics = np.tile(np.eye(4), (PEOPLE, 1, 1))
    extrinsics[:, :3, 3] = moved
    pixels = np.concatenate([world.pixels, np.ones((PEOPLE, 24, 1))], 2)
    more = np.full((PEOPLE, 21, 3), 9.0)
    pose = world.pose.reshape(PEOPLE, 72)
    return {
        "imgname": np.array(names),
        "center": center,
        "scale": scale,
        "pose_cam": np.concatenate([pose[:, :66], np.ones((PEOPLE, 99))], 1) if smplx else pose,
        "shape": np.concatenate([world.betas, np.zeros((PEOPLE, 1))], 1),
        "trans_cam": world.transl - moved,
        "cam_ext": extrinsics,
        "cam_int": np.tile(world.matrix, (PEOPLE, 1, 1)),
        "gtkps": np.concatenate([pixels, more], 1),
        "gender": np.array(["neutral"] * PEOPLE),
        "sub": np.array(["rp_anna", "rp_bob", "rp_anna"]),
    }


def write_bedlam(
    folder: Path, world: World, stem: str = "static_office", smplx: bool = False
) -> Path:
    names = [f"seq_000000/seq_000000_{5 * i:04d}.png" for i in range(PEOPLE)]
    for name in names:
        write_photo(folder / stem / "png" / name)
    path = folder / f"{stem}.npz"
    np.savez(path, **bedlam_arrays(world, names, smplx))
    return path


def write_3dhp(folder: Path, world: World, frames: int = 21, compressed: bool = True) -> Path:
    """Person (frame / 10) of the world in every camera."""
    place = folder / "S1" / "Seq1"
    place.mkdir(parents=True, exist_ok=True)
    order = np.arange(frames) // 10 % PEOPLE
    pixels = _everywhere(world.pixels)[order].reshape(frames, 56)
    joints = _everywhere(world.joints)[order].reshape(frames, 84)
    cells = {"annot2": np.empty((14, 1), object), "annot3": np.empty((14, 1), object)}
    for camera in range(14):
        cells["annot2"][camera, 0], cells["annot3"][camera, 0] = pixels, 1000 * joints
    path = place / "annot.mat"
    scipy.io.savemat(path, cells, do_compression=compressed)
    fx, fy, cx, cy = world.lens
    blocks = [
        f"name          {camera}\n  sensor      10 10\n  size        2048 2048\n  animated    0\n"
        f"  intrinsic   {fx + camera} 0 {cx} 0 0 {fy} {cy} 0 0 0 1 0 0 0 0 1 \n"
        f"  extrinsic   1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 \n  radial      0\n"
        for camera in range(14)
    ]
    text = "Skeletool Camera Calibration File V1.0\n" + "".join(blocks)
    (place / "camera.calibration").write_text(text)
    for frame in (1, 11, 21):
        write_photo(place / "imageFrames" / "video_0" / f"frame_{frame:06d}.jpg")
    return path


def _everywhere(points: np.ndarray) -> np.ndarray:
    """MPI-INF-3DHP's points, those that SMPL lacks at the pelvis, those of no use elsewhere."""
    rows = laid_out(points, MPI_INF_3DHP_28)
    filled = np.where(rows[..., -1:] > 0, rows[..., :-1], points[:, :1])
    filled[:, [name is None for name in MPI_INF_3DHP_28]] = 1.0
    return filled


WRITERS: dict[str, Callable[[Path, World], Path]] = {
    "h36m": write_spin,
    "coco-eft": write_eft,
    "photos": write_photos,
    "human-data": write_human_data,
    "3dpw": write_3dpw,
    "3doh50k": lambda folder, world: write_3doh50k(folder, world, True),
    "mpi-inf-3dhp-raw": write_3dhp,
    "bedlam": write_bedlam,
}
"""A folder of each kind of data set; the file that its loader opens is returned."""
