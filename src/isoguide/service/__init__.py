"""The console over HTTP: the steps of :mod:`isoguide.workflow.clinic` behind a sign-in, and nothing else.

Every route calls what the command line calls and answers with what it would print; a refusal is the same
sentence as a problem document (:mod:`isoguide.service.problems`).
"""
