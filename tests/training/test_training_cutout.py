import torch

from nepsbench.training.cutout import cut_out, random_centres


def test_a_square_of_each_image_is_set_to_the_mean():
    images = torch.ones(2, 3, 6, 5)
    cut_out(images, centres=torch.tensor([[3, 2], [2, 3]]), side=2)
    assert images[0, 1].tolist() == [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 0, 0, 1, 1],
        [1, 0, 0, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
    ]
    assert images[1, :, 1:3, 2:4].eq(0).all()
    assert images.eq(0).sum() == 2 * 3 * 4


def test_what_lies_beyond_the_border_is_not_cut():
    images = torch.ones(1, 1, 4, 4)
    cut_out(images, centres=torch.tensor([[0], [3]]), side=4)
    assert images[0, 0].tolist() == [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_centres_lie_anywhere_in_the_image_and_follow_from_the_generator():
    draw = [
        random_centres(500, (3, 4, 9), generator=torch.Generator().manual_seed(1)) for _ in "ab"
    ]
    assert torch.equal(*draw)
    assert set(draw[0][0].tolist()) == set(range(4))
    assert set(draw[0][1].tolist()) == set(range(9))
