"""Many processes that train as one: what each needs of the others, and how they find each other.

Every process holds the whole network and a share of the batch. What couples the images of a batch
(means over samples, negatives, statistics) is summed or gathered over all processes here, so that
the sum of all processes' losses and gradients is what one process would have found.
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
    """This process among ``count``; alone, every method leaves its argument's bits as they are."""

    index: int = 0
    count: int = 1
    device: str = "cpu"

    @property
    def first(self) -> bool:
        """Does this process validate, write and report?"""
        return self.index == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes, without gradient."""
        if self.count == 1:
            return value
        value = value.detach().clone()
        dist.all_reduce(value)
        return value

    def number(self, mine: int) -> float:
        """The sum over all processes of a plain number."""
        if self.count == 1:
            return mine
        return float(self.total(torch.tensor(float(mine), device=self.device)))

    def mean(self, values: Tensor) -> Tensor:
        """This process's part of the mean over all values of all processes."""
        return values.sum() / max(self.number(values.numel()), 1)

    def gather(self, rows: Float[Tensor, "mine dim"]) -> Float[Tensor, "all dim"]:
        """The rows of all processes in their order; gradients find their way back."""
        return rows if self.count == 1 else _Gather.apply(rows, self)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by the sum over all processes, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def seconds(self, mine: float) -> float:
        """The first process's clock: all must agree on when to stop."""
        if self.count == 1:
            return mine
        clock = torch.tensor(mine, dtype=torch.float64, device=self.device)
        dist.broadcast(clock, 0)
        return float(clock)

    @torch.no_grad()
    def align(self, module: nn.Module) -> None:
        """Give every process the first one's weights."""
        if self.count > 1:
            for value in module.state_dict().values():
                whole = value.contiguous()
                dist.broadcast(whole, 0)
                value.copy_(whole)

    def close(self) -> None:
        """Part from the others."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()


ALONE = ProcessGroup()


class _Gather(torch.autograd.Function):
    """Rows are added into a table of zeros: their numbers may differ from process to process."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: ProcessGroup) -> Tensor:
        counts = torch.zeros(group.count, dtype=torch.long, device=rows.device)
        counts[group.index] = len(rows)
        dist.all_reduce(counts)
        start = int(counts[: group.index].sum())
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
    """The processes that torchrun or SLURM's srun started; alone if neither did.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where there is a GPU.

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
    """(nodes, processes on each) as torchrun or srun tell, or None for one process."""
    elastic, slurm = os.environ.get("TORCHELASTIC_RUN_ID"), os.environ.get("SLURM_STEP_NUM_TASKS")
    if elastic is not None:
        count, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        return (count // local, local) if count > 1 else None
    if slurm is not None and int(slurm) > 1:
        nodes = int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
        return nodes, int(slurm) // nodes
    return None
