"""The document of the API as text: ``python -m isoguide.service.openapi_document``; the same in every run."""

import json
import sys

from isoguide.service.app import app_without_records


def openapi_text() -> str:
    """Return the document of the API as JSON with sorted keys, and a line break at its end."""
    return json.dumps(app_without_records().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
