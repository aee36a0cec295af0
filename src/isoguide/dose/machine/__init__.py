"""The beam of a machine from physics, and fitted to what was measured."""

from isoguide.dose.machine.generic import BeamParameters, beam_data_of, generic_6mv
from isoguide.dose.machine.pencil_kernels import released_shares

__all__ = ["BeamParameters", "beam_data_of", "generic_6mv", "released_shares"]
