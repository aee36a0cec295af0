"""Energy about one narrow beam in layers by ompMC, for ``dose_monte_carlo.py``; run in its own environment.

``python dose_monte_carlo_peer.py IN.npz OUT.npz``. ompMC transports photons and electrons as EGSnrc does. It
is under the GPL and lives apart: only arrays go between. IN holds the layers, the places of the voxels'
borders, photons by energy, and how many histories are to be followed in how many runs of their own seeds; OUT
holds the energy in MeV per photon of each run, ``[run, x, y, depth]``.
"""

import sys
import time

import numpy as np
import ompmc

FAR_CM = 1e5
NARROW_CM = 1e-4


def main() -> None:
    asked = np.load(sys.argv[1])
    x_cm, y_cm, z_cm = (asked[name] / 10.0 for name in ("x_mm", "y_mm", "depth_mm"))
    shape = (len(x_cm) - 1, len(y_cm) - 1, len(z_cm) - 1)
    names, place = np.unique(asked["material"], return_inverse=True)
    geometry = ompmc.Geometry(
        x_cm,
        y_cm,
        z_cm,
        [str(name) for name in names],
        np.asfortranarray(np.broadcast_to(asked["density"], shape), np.float64),
        np.asfortranarray(np.broadcast_to(place + 1, shape), np.int32),
    )
    beam = ompmc.CollimatedSource(FAR_CM, -NARROW_CM, NARROW_CM, -NARROW_CM, NARROW_CM)
    spectrum = ompmc.Spectrum.from_histogram(
        asked["energy_mev"], asked["photons"], e_min=float(asked["lowest_mev"])
    )
    runs, begin, energy = int(asked["runs"]), time.process_time(), []
    for run in range(runs):
        found, _ = ompmc.calc_cube(
            geometry,
            beam,
            spectrum,
            ompmc.Physics(n_split=1, seeds=(int(asked["seed"]), run + 1)),
            n_histories=int(asked["histories"]) // runs,
            output_dose=False,
        )
        energy.append(found.astype(np.float32))
    seconds = time.process_time() - begin
    np.savez_compressed(sys.argv[2], energy_mev=np.stack(energy), seconds=seconds, version=ompmc.__version__)


main()
