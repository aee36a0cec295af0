"""Everything that ``isoguide dvh`` leaves behind: a report, a document, the curves as a table."""

from pathlib import Path
from typing import Final

from isoguide.progress import Progress, silent
from isoguide.workflow.documents import document_text
from isoguide.workflow.dvh.analyse import DvhAnalysis, analyse
from isoguide.workflow.dvh.document import curves_csv, dvh_document
from isoguide.workflow.dvh.report import dvh_html
from isoguide.workflow.dvh.request import DvhRequest
from isoguide.workflow.output_folder import published_folder, write_text

PAGE: Final = "report.html"
DOCUMENT: Final = "dvh.json"
CURVES: Final = "dvh.csv"
RESULT_NAMES: Final = (PAGE, DOCUMENT, CURVES)


def analyse_into(
    request: DvhRequest, target: Path, *, overwrite: bool = False, progress: Progress = silent
) -> DvhAnalysis:
    """Work out a request and write all results into a folder, all at once or not at all.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.dvh.analyse.analyse`.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, RESULT_NAMES, overwrite=overwrite) as folder:
        analysis = analyse(request, progress)
        texts = {
            PAGE: dvh_html(analysis),
            DOCUMENT: document_text(dvh_document(analysis)),
            CURVES: curves_csv(analysis),
        }
        for name, text in texts.items():
            write_text(folder / name, text)
        return analysis
