"""Motion: how the target moves at simulation, and where it is while the beam is on.

What is seen (:mod:`isoguide.motion.sample`) is followed, predicted over the latency of the system, and turned
into a permission to treat that ends by itself (:mod:`isoguide.motion.gating`).
"""
