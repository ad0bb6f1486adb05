"""Data-parallel training: sums, gathers and broadcasts over processes, and how to find the others.

Every process holds the whole network and an equal share of the batch. Whatever couples the images
of a batch (means over samples, negatives, batch-norm statistics) is summed or gathered over all
processes here, so that the sum of all processes' losses and gradients equals those of one process
on the whole batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import UserError


@dataclass(frozen=True)
class ProcessGroup:
    """One process of ``world_size``; with a single process every method returns its argument."""

    rank: int = 0
    world_size: int = 1
    device: str = "cpu"

    @property
    def is_first(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """Sum over all processes, without gradient."""
        if self.world_size == 1:
            return value
        value = value.detach().clone()
        dist.all_reduce(value)
        return value

    def total_number(self, mine: int) -> float:
        """Sum of a number over all processes."""
        if self.world_size == 1:
            return mine
        return float(self.total(torch.tensor(float(mine), device=self.device)))

    def mean(self, values: Tensor) -> Tensor:
        """This process's term of the mean over the values of all processes."""
        return values.sum() / max(self.total_number(values.numel()), 1)

    def gather(self, rows: Float[Tensor, "mine dim"]) -> Float[Tensor, "all dim"]:
        """Concatenate the rows of all processes by rank; gradients return to their process."""
        return rows if self.world_size == 1 else _Gather.apply(rows, self)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its sum over all processes, in one message."""
        if self.world_size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def broadcast_seconds(self, mine: float) -> float:
        """The first process's time, so that all stop at the same step."""
        if self.world_size == 1:
            return mine
        clock = torch.tensor(mine, dtype=torch.float64, device=self.device)
        dist.broadcast(clock, 0)
        return float(clock)

    @torch.no_grad()
    def broadcast_weights(self, module: nn.Module) -> None:
        """Copy the first process's parameters and buffers to all processes."""
        if self.world_size > 1:
            for value in module.state_dict().values():
                contiguous = value.contiguous()
                dist.broadcast(contiguous, 0)
                value.copy_(contiguous)

    def close(self) -> None:
        """Wait for the other processes and leave the group."""
        if self.world_size > 1:
            dist.barrier()
            dist.destroy_process_group()


SINGLE_PROCESS = ProcessGroup()


class _Gather(torch.autograd.Function):
    """All-gather of row counts that differ by process: a sum of tables of zeros with own rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: ProcessGroup) -> Tensor:
        counts = torch.zeros(group.world_size, dtype=torch.long, device=rows.device)
        counts[group.rank] = len(rows)
        dist.all_reduce(counts)
        start = int(counts[: group.rank].sum())
        ctx.mine = slice(start, start + len(rows))
        table = rows.new_zeros(int(counts.sum()), rows.shape[1])
        table[ctx.mine] = rows
        dist.all_reduce(table)
        return table

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[ctx.mine], None


def find_process_group(device: str = "auto") -> ProcessGroup:
    """Join the processes that torchrun or SLURM's srun started; `SINGLE_PROCESS` without them.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA if there is a GPU.

    Raises:
        UserError: there is no GPU, the processes do not find each other, or Lightning Fabric is not
            installed.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("PyTorch finds no GPU here; leave out --device cuda")
    kind = (
        "cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu")
    )
    tasks = _tasks()
    if tasks is None:
        return ProcessGroup(device=kind)
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise UserError("many processes need Lightning Fabric: pip install nbf[train]") from error
    nodes, on_this_node = tasks
    try:
        fabric = Fabric(accelerator=kind, devices=on_this_node, num_nodes=nodes, strategy="ddp")
        fabric.launch()
    except (RuntimeError, ValueError) as error:  # as SLURM's --ntasks without --ntasks-per-node
        raise UserError(f"the processes cannot train together: {error}") from error
    return ProcessGroup(fabric.global_rank, fabric.world_size, str(fabric.device))


def _tasks() -> tuple[int, int] | None:
    """(nodes, processes on each) from the variables of torchrun or srun; None for one process."""
    elastic, slurm = os.environ.get("TORCHELASTIC_RUN_ID"), os.environ.get("SLURM_STEP_NUM_TASKS")
    if elastic is not None:
        world_size, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        return (world_size // local, local) if world_size > 1 else None
    if slurm is not None and int(slurm) > 1:
        nodes = int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
        return nodes, int(slurm) // nodes
    return None
