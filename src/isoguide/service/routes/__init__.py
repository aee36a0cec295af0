"""The routes, one module for each subject; each of them only calls what the command line calls too."""

from typing import Final

from fastapi import APIRouter

from isoguide.service.routes import (
    anatomy,
    audit,
    courses,
    dose,
    fractions,
    images,
    jobs,
    people,
    protocols,
    review,
    room,
    session,
    uploads,
    worklist,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    session.router,
    people.router,
    worklist.router,
    courses.router,
    fractions.router,
    images.router,
    anatomy.router,
    dose.router,
    room.router,
    uploads.router,
    jobs.router,
    review.router,
    protocols.router,
    audit.router,
)
"""All of them; each is served below /api, behind the sign-in (:data:`isoguide.service.security.OPEN`)."""
