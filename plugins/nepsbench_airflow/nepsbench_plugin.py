"""What Airflow's API server gets from us: pages of benchmarks and cluster jobs, and their entries.

Airflow runs every file of the plugins' folder under its bare name and takes the plugin classes that
it finds; so no other module may import this one's.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from nepsbench_airflow.links import PREFIX


class LazyApp:
    """An ASGI application that is made by its first request.

    Schedulers and tasks load plugins, too, and shall not load a web framework for that.
    """

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            from nepsbench_airflow.web import make_app

            self._app = make_app()
        await self._app(scope, receive, send)


class NepsbenchPlugin(AirflowPlugin):
    """The pages of benchmarks and of cluster jobs."""

    name = "nepsbench"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": LazyApp(), "url_prefix": PREFIX, "name": "nepsbench"}
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Benchmarks",
            "href": f"{PREFIX}/benchmarks",
            "destination": "nav",
            "url_route": "benchmarks",
        },
        {
            "name": "Cluster jobs",
            "href": f"{PREFIX}/clusters",
            "destination": "nav",
            "category": "browse",
            "url_route": "cluster-jobs",
        },
    ]
