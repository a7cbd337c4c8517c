"""The web application behind our entries in Airflow's UI; each page is a module of its own."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nepsbench_airflow.benchmarks_page import add_benchmarks
from nepsbench_airflow.jobs_page import add_jobs

if TYPE_CHECKING:
    from fastapi import FastAPI


def make_app() -> FastAPI:
    """Return the application with all pages."""
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException

    app = FastAPI(title="nepsbench", docs_url=None, redoc_url=None, openapi_url=None)
    add_jobs(app)
    add_benchmarks(app)
    app.add_exception_handler(HTTPException, _send_to_login)
    return app


async def _send_to_login(request: Any, error: Any) -> Any:
    """Lead who is not logged in to the login page, and say anything else in one line."""
    from fastapi.responses import PlainTextResponse, RedirectResponse

    if error.status_code == HTTPStatus.UNAUTHORIZED:
        root = request.scope.get("app_root_path", "")
        return RedirectResponse(f"{root}/api/v2/auth/login?next={quote(str(request.url), safe='')}")
    return PlainTextResponse(str(error.detail), status_code=error.status_code)
