"""The parts of the pool that a run is made of, so that a bug can be planted in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from pool import worker
from pool.core import Core
from pool.frames import FrameDecoder
from pool.worker import Server

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Parts:
    """What a run uses of the pool; the defaults are the pool itself.

    Attributes:
        core: the deciding part.
        decoder: what reads the frames that workers send.
        body: what a worker process runs.
        server: what in it answers tasks.
    """

    core: type[Core] = Core
    decoder: type[FrameDecoder] = FrameDecoder
    body: Callable[..., int] = worker.run
    server: type[Server] = Server


POOL = Parts()
