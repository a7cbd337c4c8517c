"""TaskFlow tasks that fail for good, in one line, where trying again cannot help."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from airflow.sdk import task as airflow_task
from airflow.sdk.exceptions import AirflowFailException


@contextlib.contextmanager
def no_retry_for_mistakes() -> Iterator[None]:
    """Turn errors that only a person can mend into failures that Airflow does not retry."""
    from nepsbench.errors import (
        AccessError,
        ClusterError,
        NepsbenchError,
        StorageError,
        TrackingError,
    )

    try:
        yield
    except AccessError as error:
        raise AirflowFailException(str(error)) from None
    except (ClusterError, StorageError, TrackingError):
        raise  # a cluster or a server may answer later, a disk may have been cleared
    except NepsbenchError as error:
        raise AirflowFailException(str(error)) from None


def task(function: Callable[..., Any] | None = None, **arguments: Any) -> Any:
    """Make a TaskFlow task like ``airflow.sdk.task``, with :func:`no_retry_for_mistakes`."""
    if function is None:
        return functools.partial(task, **arguments)

    @functools.wraps(function)
    def run(*given: Any, **named: Any) -> Any:
        with no_retry_for_mistakes():
            return function(*given, **named)

    # Airflow finds the docstring by itself, but not of a task that is mapped.
    return airflow_task(**{"doc_md": inspect.getdoc(function), **arguments})(run)
