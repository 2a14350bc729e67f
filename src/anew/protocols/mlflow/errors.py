"""Errors in MLflow's words: a code, a text, and the HTTP status that its clients expect with them."""

from __future__ import annotations

from typing import Any

from anew.errors import AnewError, Conflict, NotFound, UsageError

_STATUS = {
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
}
# What the server itself refuses. For a method that a path does not take MLflow's answers with a page and no code, and a
# body is never too large for it: there the code is the one that comes nearest.
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    405: "ENDPOINT_NOT_FOUND",
    413: "BAD_REQUEST",
}


class MlflowError(AnewError):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.status = _STATUS.get(code, 400)
        super().__init__(message)


def missing(what: str) -> MlflowError:
    return MlflowError("RESOURCE_DOES_NOT_EXIST", what)


def invalid(what: str) -> MlflowError:
    return MlflowError("INVALID_PARAMETER_VALUE", what)


def as_mlflow(error: Exception, status: int, message: str) -> tuple[int, dict[str, Any]]:
    """Status and body of the answer."""
    if isinstance(error, MlflowError):
        return error.status, {"error_code": error.code, "message": message}
    if isinstance(error, UsageError):
        return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": message}
    if isinstance(error, NotFound):
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}
    if isinstance(error, Conflict):
        return 400, {"error_code": "RESOURCE_ALREADY_EXISTS", "message": message}
    return status, {"error_code": _CODES.get(status, "INTERNAL_ERROR"), "message": message}
