"""Planted bugs in the frames, in the worker's loop, and in the processes themselves."""

from __future__ import annotations

import os
import threading
import zlib
from typing import TYPE_CHECKING, Any, Final

from machines.bad_servers import OneStateForAll, RemembersAnswers, SwallowsExceptions
from machines.drivers.driver import Layer
from machines.mutants.mutant import Mutant
from machines.parts import Parts
from pool.errors import FrameError
from pool.frames import CHECKED_BYTES, FrameDecoder
from pool.processes import WorkerProcess

if TYPE_CHECKING:
    from pool.frames import Frame


class _HeaderUnverified(FrameDecoder):
    def _verify_header(self, fields: tuple[Any, ...], data: bytes, at: int) -> None:
        sound = (*fields[:8], zlib.crc32(data[at : at + CHECKED_BYTES]))
        super()._verify_header(sound, data, at)


class _SkipsTheUnknown(FrameDecoder):
    def feed(self, data: bytes) -> list[Frame]:
        try:
            return super().feed(data)
        except FrameError as error:
            if error.reason != "kind":
                raise
            return []


class _BelievesAnyLength(FrameDecoder):
    def _verify_header(self, fields: tuple[Any, ...], data: bytes, at: int) -> None:
        self._bytes_max = max(self._bytes_max, fields[6])
        super()._verify_header(fields, data, at)


class _CutsUnnoticed(FrameDecoder):
    def close(self) -> None:
        self._rest = b""


class _LeaksADescriptor(WorkerProcess):
    def close(self) -> None:
        if self.exit_fd >= 0:
            os.dup(self._lifeline)
        super().close()


class _LeavesAThread(WorkerProcess):
    def reap(self, timeout: float | None = None) -> bool:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return super().reap(timeout)


class _BegunUncounted(WorkerProcess):
    @property
    def unstarted(self) -> int:
        return self.sent


PIPES: Final = (
    Mutant(
        "header-unverified",
        "S14",
        "a header's checksum is not verified",
        Parts(decoder=_HeaderUnverified),
        Layer.WIRE,
    ),
    Mutant(
        "skips-the-unknown",
        "S14",
        "a frame of an unknown kind is passed over",
        Parts(decoder=_SkipsTheUnknown),
        Layer.WIRE,
    ),
    Mutant(
        "believes-any-length",
        "S14",
        "a frame may announce any length",
        Parts(decoder=_BelievesAnyLength),
        Layer.WIRE,
    ),
    Mutant(
        "cuts-unnoticed",
        "S14",
        "a stream may end within a frame",
        Parts(decoder=_CutsUnnoticed),
        Layer.WIRE,
    ),
    Mutant(
        "remembers-answers",
        "S2",
        "a worker answers as it did the first time",
        Parts(server=RemembersAnswers),
        Layer.WIRE,
    ),
    Mutant(
        "swallows-exceptions",
        "S2",
        "a function that raises is said to have returned nothing",
        Parts(server=SwallowsExceptions),
        Layer.WIRE,
    ),
    Mutant(
        "one-state-for-all",
        "S2",
        "all sessions of a worker share one state",
        Parts(server=OneStateForAll),
        Layer.WIRE,
    ),
    Mutant(
        "leaks-a-descriptor",
        "S13",
        "one descriptor of each process stays open",
        Parts(process=_LeaksADescriptor),
        Layer.REAL,
    ),
    Mutant(
        "leaves-a-thread",
        "S13",
        "a thread that waited for a process is left",
        Parts(process=_LeavesAThread),
        Layer.REAL,
    ),
    Mutant(
        "begun-uncounted",
        "S3",
        "what a killed process has begun is taken for unbegun",
        Parts(process=_BegunUncounted),
        Layer.REAL,
    ),
)
