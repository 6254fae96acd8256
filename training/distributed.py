"""One process or several: what the training loop asks of its siblings. torchrun starts them, DDP averages gradients.

The lanes of a step are shared out evenly; everything else is the same in all processes, so that each takes the
same decisions: the first one's clock counts, and a wish to stop is everybody's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from jamd.errors import ConfigError


class Alone:
    """One process: nothing to share, nobody to ask."""

    rank, size = 0, 1

    @property
    def writes(self) -> bool:
        """True in the process that writes files and speaks."""
        return self.rank == 0

    def share(self, lanes: int) -> range:
        """The lanes of this process; ConfigError when they cannot be shared out evenly."""
        if lanes % self.size:
            raise ConfigError(f"{lanes} lanes cannot be shared by {self.size} processes.", "Change batch.")
        each = lanes // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def device(self, name: str) -> torch.device:
        """The device of this process: `cuda` is the GPU that torchrun meant for it. ConfigError where there is none."""
        return usable(name)

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model whose backward pass leaves the mean of all processes' gradients in its parameters."""
        return model

    def total(self, *values: float) -> list[float]:
        """Sums over all processes."""
        return list(values)

    def first(self, value: float) -> float:
        """What the first process has."""
        return value

    def gathered(self, tensor: Tensor) -> Tensor:
        """The [n, ...] tensors of all processes in the order of their ranks, [size * n, ...]."""
        return tensor


class Together(Alone):
    """One of several processes that torchrun started. All of them must make the same calls in the same order."""

    def __init__(self) -> None:
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def device(self, name: str) -> torch.device:
        """The device of this process."""
        device = usable(name)
        if device.type != "cuda" or device.index is not None:
            return device
        mine = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(mine)
        return mine

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model as DDP."""
        return DistributedDataParallel(model)

    def total(self, *values: float) -> list[float]:
        """Sums over all processes, in double precision."""
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(numbers)
        return [float(n) for n in numbers]

    def first(self, value: float) -> float:
        """What the first process has."""
        number = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(number, 0)
        return float(number)

    def gathered(self, tensor: Tensor) -> Tensor:
        """All processes' tensors, in each of them."""
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)


def usable(name: str) -> torch.device:
    """The device of this name; ConfigError where PyTorch knows none, or cannot compute on it."""
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a PyTorch that was built without CUDA
        why = str(error).partition("\n")[0]
        raise ConfigError(f'No computing on the device "{name}": {why}', "Take --device cpu.") from error
    return device


@contextmanager
def joined() -> Iterator[Alone]:
    """The processes that torchrun started, this one among them; without torchrun it is alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield Alone()
        return
    backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and distributed.is_nccl_available() else "gloo"
    distributed.init_process_group(backends)
    try:
        yield Together()
        distributed.barrier()  # gloo aborts a process whose partner has left while it still speaks
    finally:
        distributed.destroy_process_group()


def merged(states: Sequence[Tensor] | Tensor) -> Tensor:
    """Generator states as [processes, n]; of one process also as it stood in older checkpoints."""
    return torch.stack(list(states)) if isinstance(states, Sequence) else states.view(-1, states.shape[-1])
