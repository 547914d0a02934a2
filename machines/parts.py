"""The parts of the pool that a run is made of, so that a bug can be planted in one of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from attrs import frozen

from pool import worker
from pool.core import Core
from pool.frames import FrameDecoder
from pool.processes import WorkerProcess
from pool.worker import Server

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Parts:
    """What a run uses of the pool; the defaults are the pool itself.

    Attributes:
        core: the deciding part.
        decoder: what reads the frames that workers send.
        server: a worker's loop once it has started.
        process: a worker's process, as the pool's process sees it.
        body: what a worker process runs.
    """

    core: type[Core] = Core
    decoder: type[FrameDecoder] = FrameDecoder
    server: type[Server] = Server
    process: type[WorkerProcess] = WorkerProcess
    body: Callable[..., int] = worker.run

    @property
    def main(self) -> Callable[..., int]:
        """What a worker process runs, with its loop."""
        if self.server is Server:
            return self.body
        return functools.partial(self.body, server=self.server)


POOL = Parts()
