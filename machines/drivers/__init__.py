"""The layers' hands: one driver for each of `sim`, `wire` and `real`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from machines.drivers.driver import Diverged, Driver, Layer
from machines.drivers.real import RealDriver
from machines.drivers.sim import SimDriver
from machines.drivers.wire import WireDriver

if TYPE_CHECKING:
    from machines.drivers.driver import MakeDriver

DRIVERS: Final[dict[Layer, MakeDriver]] = {
    Layer.SIM: SimDriver,
    Layer.WIRE: WireDriver,
    Layer.REAL: RealDriver,
}

__all__ = ["DRIVERS", "Diverged", "Driver", "Layer"]
