import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepsbench.errors import InvalidConfigurationError
from nepsbench.spaces import nats_size

SPACE = nats_size.SPACE


@pytest.mark.parametrize(
    ("number", "text"), [(0, "8:8:8:8:8"), (1, "8:8:8:8:16"), (32767, "64:64:64:64:64")]
)
def test_published_numbers(number, text):
    assert SPACE.size == 32768
    assert nats_size.to_channels_str(SPACE.at(number)) == text
    assert SPACE.index(nats_size.from_channels_str(text)) == number


@given(st.integers(0, SPACE.size - 1))
def test_every_notation_of_a_network_is_read(number):
    configuration = SPACE.at(number)
    widths = nats_size.channels_of(configuration)
    text = nats_size.to_channels_str(configuration)
    for query in (number, configuration, text, widths, list(widths)):
        assert nats_size.parse(query) == configuration


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("8:8:8:8", "give five widths"),
        ("8:8:8:8:8:8", "give five widths"),
        ("8:8:8:8:x", "give five widths"),
        ("8:8:8:8:9", "channels_5=9 is not a choice"),
        ([8, 8], "give five widths"),
        (32768, "give a whole number from 0 to 32767"),
        (None, "names no network"),
        ({"channels_1": 8}, "lacks channels_2"),
    ],
)
def test_what_names_no_network_is_refused(query, message):
    with pytest.raises(InvalidConfigurationError, match=message):
        nats_size.parse(query)
