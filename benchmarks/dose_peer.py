"""The dose of pyRadPlan in a box of water, for ``dose_water.py``; run by the Python of its own environment.

``python dose_peer.py IN.npz OUT.npz``. The peer wants an older NumPy than we have, so it lives apart, and
only arrays go between. IN holds the opening of a field in the plane through the isocentre, and the densities
of a box with depth along y; OUT holds the dose of its generic 6 MV machine, and the pencil kernels of that.
"""

import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from pyRadPlan import PhotonPlan, StructureSet, calc_dose_forward, generate_stf
from pyRadPlan.cst import create_voi
from pyRadPlan.ct import create_ct
from pyRadPlan.dose.engines._base import DoseEngineBase
from pyRadPlan.machines import load_from_name
from pyRadPlan.stf._beam import Beam
from pyRadPlan.stf._beamlet import FieldShapeAsMask

Floats = NDArray[np.float64]


def box_of(density: Floats, spacing_mm: Floats, origin_mm: Floats) -> tuple[Any, Any]:
    """A CT whose first axis is z, then y and x, all of it body and target."""
    hounsfield = np.where(density > 0.5, 0.0, np.where(density > 0.1, -1000.0 * (1.0 - density), -1000.0))
    ct = create_ct(
        {
            "cube_hu": hounsfield.astype(np.float32),
            "origin": tuple(origin_mm),
            "direction": (1, 0, 0, 0, 1, 0, 0, 0, 1),
            "resolution": dict(zip("xyz", spacing_mm, strict=True)),
        }
    )
    whole = np.ones(density.shape, np.uint8)
    vois = [create_voi(voi_type=kind, name=kind, ct_image=ct, mask=whole) for kind in ("TARGET", "EXTERNAL")]
    return ct, StructureSet(vois=vois, ct_image=ct)


def dumped(model: Any) -> dict[str, Any]:
    """All fields of a model as a dictionary: its own dump fails on field shapes with newer pydantic."""
    kind = type(model)
    values = {name: getattr(model, name) for name in (*kind.model_fields, *kind.model_computed_fields)}
    for name in ("rays", "beamlets"):
        if name in values:
            values[name] = [dumped(one) for one in values[name]]
    return values


def main() -> None:
    asked = np.load(sys.argv[1])
    ct, cst = box_of(asked["density"], asked["spacing_mm"], asked["origin_mm"])
    machine = load_from_name(radiation_mode="photons", machine_name="Generic")
    kernel = machine.pb_kernels[6.0]
    own = {
        "m": kernel.m,
        "betas": kernel.kernel_betas,
        "radius": kernel.kernel_pos,
        "ssd": kernel.kernel_ssds,
        "kernels": kernel.kernel_data,
        "penumbra": kernel.penumbra,
        "fluence": kernel.primary_fluence,
    }
    Beam.model_dump = lambda self, **_: dumped(self)
    FieldShapeAsMask.model_dump = lambda self, **_: dumped(self)
    DoseEngineBase.load_machine = staticmethod(lambda *_: machine)
    plan = PhotonPlan(machine="Generic")
    plan.prop_stf = {
        "gantry_angles": [0.0],
        "couch_angles": [0.0],
        "generator": "photonSingleBixel",
        "field_based": True,
        "field_shape": asked["field"],
        "resolution": float(asked["pixel_mm"]),
        "iso_center": np.zeros(3),
    }
    plan.prop_dose_calc = {
        "engine": "SVDPB",
        "dose_grid": {"resolution": dict(zip("xyz", asked["spacing_mm"].tolist(), strict=True))},
        "force_uniform_fluence": bool(asked["uniform"]),
        "force_penumbra": float(asked["penumbra_mm"]) if "penumbra_mm" in asked else None,
        "geometric_lateral_cutoff": 90.0,
        "use_given_eq_density_cube": False,
    }
    stf = generate_stf(ct, cst, plan)
    stf.beams[0].rays[0].beamlets[0].weight = 1.0
    begin = time.perf_counter()
    dose = calc_dose_forward(ct, cst, stf, plan)["physical_dose"]
    found = {
        "dose": SimpleITK.GetArrayFromImage(dose),
        "origin_mm": dose.GetOrigin(),
        "spacing_mm": dose.GetSpacing(),
        "seconds": time.perf_counter() - begin,
        "version": version("pyRadPlan"),
    }
    np.savez(sys.argv[2], **found, **own)


main()
