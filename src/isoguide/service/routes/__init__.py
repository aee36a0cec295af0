"""The routes, one module for each subject; each of them only calls what the command line calls too."""

from typing import Final

from fastapi import APIRouter

from isoguide.service.routes import images, people, session

ROUTERS: Final[tuple[APIRouter, ...]] = (session.router, people.router, images.router)
"""All of them; each is served below /api, behind the sign-in (:data:`isoguide.service.security.OPEN`)."""
