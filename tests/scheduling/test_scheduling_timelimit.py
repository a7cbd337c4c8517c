import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import SpecError
from nepsbench.scheduling.timelimit import format_time_limit, parse_time_limit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2-00:00", 172_800),
        ("1-02:03:04", 93_784),
        ("3-12", 302_400),
        ("01:30:00", 5400),
        ("90", 5400),
        ("90:30", 5430),
    ],
)
def test_each_form_of_slurm_is_understood(text, seconds):
    assert parse_time_limit(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "0-00:00", "1-", "-5", "1:2:3:4", "1.5"])
def test_other_forms_and_no_time_at_all_are_refused(text):
    with pytest.raises(SpecError, match="is not understood"):
        parse_time_limit(text)


@given(st.integers(1, 10**8))
def test_what_is_written_is_read_back(seconds):
    assert parse_time_limit(format_time_limit(seconds)) == seconds


def test_part_seconds_are_rounded_up():
    assert format_time_limit(59.2) == "0-00:01:00"
