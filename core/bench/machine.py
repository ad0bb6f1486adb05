"""Measurement of a machine's peak arithmetic and memory rates, and of the time of calls."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

Device = torch.device


@dataclass(frozen=True)
class Ceiling:
    """Measured peak rates of a device: the two ceilings of a roofline model.

    Attributes:
        gflops: 1e9 operations a second in a large float32 matrix product; a multiply-add is two.
        gbytes: 1e9 bytes read or written a second in a large copy.
    """

    gflops: float
    gbytes: float

    @staticmethod
    def measure(device: Device) -> Ceiling:
        """Measure a device; takes about a second."""
        side, length = (8192, 2**28) if device.type == "cuda" else (768, 2**24)
        left, right = (torch.ones(side, side, device=device) for _ in range(2))
        source, target = (torch.ones(length, device=device) for _ in range(2))
        product = fastest(synchronized(lambda: torch.mm(left, right), device))
        copy = fastest(synchronized(lambda: target.copy_(source), device))
        return Ceiling(round(2 * side**3 / product / 1e9, 1), round(2 * 4 * length / copy / 1e9, 1))

    def least_seconds(self, operations: float, moved: float) -> float:
        """Lower limit of the time of a program with these operations and bytes of traffic."""
        return max(operations / (self.gflops * 1e9), moved / (self.gbytes * 1e9))


@dataclass(frozen=True)
class Machine:
    """The machine, and its peak rates with PyTorch's number of threads.

    Attributes:
        gpu, gpu_ceiling: None if PyTorch has no GPU.
    """

    processor: str
    cores: int
    threads: int
    torch: str
    renderer: str
    ceiling: Ceiling
    gpu: str | None = None
    gpu_ceiling: Ceiling | None = None

    @staticmethod
    def measure(renderer: str) -> Machine:
        """Measure this machine."""
        has_gpu = torch.cuda.is_available()
        return Machine(
            processor_name(),
            os.cpu_count() or 1,
            torch.get_num_threads(),
            str(torch.__version__),
            renderer,
            Ceiling.measure(torch.device("cpu")),
            torch.cuda.get_device_name() if has_gpu else None,
            Ceiling.measure(torch.device("cuda")) if has_gpu else None,
        )

    def ceiling_of(self, device: Device) -> Ceiling:
        """Peak rates of the CPU or of the GPU."""
        if device.type == "cuda" and self.gpu_ceiling is not None:
            return self.gpu_ceiling
        return self.ceiling


def synchronized(call: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """The call; on a GPU it also waits until the device is done."""
    if device.type != "cuda":
        return call

    def wait() -> object:
        result = call()
        torch.cuda.synchronize(device)
        return result

    return wait


def fastest(call: Callable[[], object], rounds: int = 12) -> float:
    """Seconds of the fastest call, which other load on the machine disturbs least."""
    return min(seconds(call) for _ in range(rounds))


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def alternate(calls: list[Callable[[], object]], rounds: int, budget: float) -> list[float]:
    """Median seconds of each call. The calls take turns, so that other load affects all alike.

    Args:
        rounds: largest number of rounds; at least three are run.
        budget: seconds after which no further round begins.
    """
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    begin = time.perf_counter()
    for done in range(rounds):
        if done >= 3 and time.perf_counter() - begin > budget:
            break
        for call, taken in zip(calls, times, strict=True):
            taken.append(seconds(call))
    return [median(taken) for taken in times]


def peak_megabytes(call: Callable[[], object], device: torch.device) -> float | None:
    """Peak of the additional memory that a call uses; None if it cannot be measured.

    PyTorch's memory on a GPU, else the resident memory of the process.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        call()
        return round((torch.cuda.max_memory_allocated(device) - held) / 2**20, 1)
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        reset.write_text("5")
        before = _kilobytes(status, "VmRSS")
        call()
        return round((_kilobytes(status, "VmHWM") - before) / 1024, 1)
    except OSError:
        return None


def processor_name() -> str:
    """Name of the CPU."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _kilobytes(status: Path, name: str) -> int:
    """A value of /proc/self/status.

    Raises:
        OSError: there is no such value.
    """
    for line in status.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise OSError(f"{status} has no {name}")
