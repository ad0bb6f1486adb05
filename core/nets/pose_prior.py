"""A prior over body poses: a variational auto-encoder like VPoser (SMPL-X, CVPR 2019).

It models the rotations of the joints 1..21 relative to their parents (no root, no hands). Layers
have VPoser's names, so that a user's VPoser checkpoint (V02_05) loads in place of the shipped one.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.assets import asset_path
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_6d
from core.io.files import readable
from core.nets.tensor_file import check_finite, read_checkpoint, read_safetensors

JOINTS = 21
LATENT = 32
_WIDTH = 512
SHIPPED = "prior/pose_prior.safetensors"
_VPOSER_PREFIX = "vp_model."


class PosePrior(nn.Module):
    """Encoder from 63 axis-angle values to a 32-dimensional normal; decoder back to rotations."""

    def __init__(self) -> None:
        super().__init__()
        flat = 3 * JOINTS
        self.encoder_net = nn.Sequential(
            nn.Flatten(),
            nn.BatchNorm1d(flat),
            nn.Linear(flat, _WIDTH),
            nn.LeakyReLU(),
            nn.BatchNorm1d(_WIDTH),
            nn.Dropout(0.1),
            nn.Linear(_WIDTH, _WIDTH),
            nn.Linear(_WIDTH, _WIDTH),
            _NormalHead(),
        )
        self.decoder_net = nn.Sequential(
            nn.Linear(LATENT, _WIDTH),
            nn.LeakyReLU(),
            nn.Dropout(0.1),
            nn.Linear(_WIDTH, _WIDTH),
            nn.LeakyReLU(),
            nn.Linear(_WIDTH, 6 * JOINTS),
        )

    def forward(self, rotations: Float[Tensor, "batch 21 3 3"]) -> Float[Tensor, " batch"]:
        """The `energy` of poses."""
        return self.energy(rotations)

    def encode(self, rotations: Float[Tensor, "batch 21 3 3"]) -> torch.distributions.Normal:
        """The latent distribution of poses."""
        mean, scale = self.encoder_net(axis_angle_from_rotation(rotations))
        return torch.distributions.Normal(mean, scale)

    def decode(self, latent: Float[Tensor, "batch 32"]) -> Float[Tensor, "batch 21 3 3"]:
        """The rotations of latent vectors."""
        columns = self.decoder_net(latent).unflatten(1, (JOINTS, 3, 2))
        return rotation_from_6d(columns.transpose(-1, -2).flatten(-2))

    def energy(
        self, rotations: Float[Tensor, "batch 21 3 3"], typical: float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Energy of poses: ``max(|mu|^2 - typical, 0) / 2 + |decode(mu) - R|_F^2``.

        ``mu`` is the mean of the encoding. The second term, the reconstruction error, contributes
        most: poses unlike the training poses are not reconstructed.

        Args:
            typical: squared length of ``mu`` without cost (the median of real poses is in the
                asset's card), so that plausible poses are not pulled towards the mean pose.
        """
        latent = self.encode(rotations).mean
        misfit = (self.decode(latent) - rotations).square().sum((-1, -2, -3))
        return 0.5 * (latent.square().sum(-1) - typical).clamp_min(0) + misfit


class _NormalHead(nn.Module):
    """Mean and standard deviation of the latent vector."""

    def __init__(self) -> None:
        super().__init__()
        self.mu = nn.Linear(_WIDTH, LATENT)
        self.logvar = nn.Linear(_WIDTH, LATENT)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, standard deviation); as in VPoser, "logvar" goes through a softplus."""
        return self.mu(x), nn.functional.softplus(self.logvar(x))


def load_prior(path: Path | None = None) -> PosePrior:
    """Load the shipped prior, another .safetensors prior, or a VPoser checkpoint (.ckpt, .pt).

    Raises:
        UserError: the file is missing, damaged or not a VPoser of this size.
    """
    file = Path(path) if path else asset_path(SHIPPED)
    prior = PosePrior()
    with readable(file, "pose prior", f"give a VPoser with {LATENT} latent dimensions"):
        if file.suffix == ".safetensors":
            tensors, _ = read_safetensors(file)
        else:
            tensors = _of_vposer(read_checkpoint(file))
        prior.load_state_dict(tensors)  # compares shapes before it copies
        check_finite(prior.state_dict())
        prior.eval().requires_grad_(False)
        if not prior(torch.eye(3).expand(1, JOINTS, 3, 3)).isfinite():
            raise ValueError("the energy of the pose at rest is not finite")
    return prior


def _of_vposer(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under this module's names, without those of the body in the checkpoint."""
    prior = {n.removeprefix(_VPOSER_PREFIX): t for n, t in tensors.items()}
    return {name: value for name, value in prior.items() if not name.startswith("bm_train")}
