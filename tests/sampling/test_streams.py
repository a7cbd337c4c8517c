import numpy as np
import pytest

from nepsbench.sampling.streams import COMMON_SEED, draw_words, stream_words

# Philox4x64-10 keyed by the common seed, stream 2. These words must never change.
GOLDEN = [0x5236210B59A57C1D, 0x76CFA45D67FAFE69, 0x911739B706E37E17, 0x95D02228F289FE45]


def test_the_first_words_of_a_stream_are_the_golden_ones():
    assert stream_words("jump", 2, first=0, count=4).tolist() == GOLDEN


@pytest.mark.parametrize("taskid", [0, 1, 7, 147_455])
def test_a_stream_is_numpys_jumped_philox(taskid):
    expected = np.random.Philox(seed=COMMON_SEED).jumped(taskid).random_raw(40)
    assert np.array_equal(stream_words("jump", taskid, first=0, count=40), expected)


@pytest.mark.parametrize("first", [0, 1, 3, 4, 5, 16, 1001])
def test_a_piece_of_a_stream_is_cut_from_the_whole(first):
    whole = stream_words("jump", 3, first=0, count=first + 24)
    assert np.array_equal(stream_words("jump", 3, first=first, count=24), whole[first:])


def test_streams_a_jump_apart_share_no_word():
    streams = [stream_words("jump", t, first=0, count=2000) for t in range(50)]
    assert len(np.unique(np.concatenate(streams))) == 100_000


def test_legacy_streams_are_one_sequence_shifted_by_four_words():
    zero = stream_words("legacy-counter", 0, first=0, count=104)
    assert np.array_equal(stream_words("legacy-counter", 1, first=0, count=100), zero[4:])


def test_legacy_draws_are_those_of_a_random_state():
    state = np.random.RandomState(np.random.Philox(seed=COMMON_SEED, counter=5))
    rows = draw_words("legacy-counter", [5], offset=0, samples=7, words_per_draw=16)
    for row in rows:
        assert row[0] >> np.uint64(32) == state.randint(0, 2**32 - 1, dtype=np.int64)
        uniforms = (row[1:] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        assert np.array_equal(uniforms, state.random_sample(14))


def test_legacy_offset_skips_draws():
    whole = draw_words("legacy-counter", [2], offset=0, samples=9, words_per_draw=16)
    part = draw_words("legacy-counter", [2], offset=3, samples=6, words_per_draw=16)
    assert np.array_equal(part, whole[3:])
