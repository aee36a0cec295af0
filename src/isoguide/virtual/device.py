"""What every device of the virtual room has: a link, a clock, delays, and faults."""

from dataclasses import dataclass

import numpy as np

from isoguide.errors import LinkLostError
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.faults import Device, Fault, FaultName, FaultWatch
from isoguide.virtual.room_settings import Latency


@dataclass(frozen=True, slots=True, eq=False)
class DeviceLink:
    """How one device hangs in the room.

    Parameters
    ----------
    device
        Which it is.
    clock
        Of the room; what the device does takes its time from it.
    watch
        Faults of the fraction.
    rng
        Everything random about this device. Each has its own: a fault of one does not change the noise of
        another.
    """

    device: Device
    clock: VirtualClock
    watch: FaultWatch
    rng: np.random.Generator

    def require(self) -> None:
        """Answer a call, if the link holds.

        Raises
        ------
        LinkLostError
            If it is broken.
        """
        if self.watch.strikes("link-broken", self.device):
            msg = f"the {self.device} does not answer: its link is broken"
            raise LinkLostError(msg)

    def strikes(self, name: FaultName) -> Fault | None:
        """Return the fault of this name that strikes at this call, if any."""
        return self.watch.strikes(name)

    def draw_s(self, latency: Latency) -> float:
        """Draw a delay in seconds."""
        return latency.draw_s(self.rng)

    def wait_for(self, latency: Latency) -> None:
        """Let a delay pass."""
        self.clock.wait(self.draw_s(latency))
