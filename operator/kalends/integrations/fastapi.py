"""A scheduler that runs while a FastAPI application does: FastAPI has the lifespans of Starlette."""

from kalends.integrations.starlette import Lifespan, lifespan

__all__ = ["Lifespan", "lifespan"]
