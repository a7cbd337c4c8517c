"""Which failures Airflow tries again, and which it does not."""

import pytest
from airflow.sdk.exceptions import AirflowFailException

from nepsbench import errors
from nepsbench_airflow.tasks import no_retry_for_mistakes


@pytest.mark.parametrize("kind", [errors.ClusterError, errors.StorageError, errors.TrackingError])
def test_what_may_pass_by_itself_is_tried_again(kind):
    with pytest.raises(kind, match="no answer"), no_retry_for_mistakes():
        raise kind("no answer")


@pytest.mark.parametrize("kind", [errors.SpecError, errors.StreamReuseError, errors.DatasetError])
def test_a_mistake_fails_for_good_in_the_same_words(kind):
    with pytest.raises(AirflowFailException, match=r"^no such thing$"), no_retry_for_mistakes():
        raise kind("no such thing")
