"""Run ``isoguide align`` and show its answer."""

from isoguide.cli.endings import Reply
from isoguide.cli.terminal import show_alignment
from isoguide.registration.result import Verdict
from isoguide.workflow.align import align
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.result_json import result_document, result_text
from isoguide.workflow.write_results import align_into


def align_and_show(request: AlignRequest, reply: Reply) -> bool:
    """Align, write where wanted, print; returns whether the answer was accepted."""
    alignment = reply.give(
        request,
        align,
        align_into,
        text=lambda found: result_text(result_document(found)),
        show=show_alignment,
    )
    return alignment.verdict is Verdict.ACCEPT
