"""Image-guided radiation therapy: align the day's image to the plan, and say how sure it is.

Not a medical device. Lengths are millimetres, angles degrees, patient coordinates DICOM LPS, and couch
corrections IEC 61217; ``docs/conventions.md`` states each of them once, as code that runs.

The library never prints and is silent by default; ``logging.getLogger("isoguide")`` hears what it does.
"""

import logging

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
