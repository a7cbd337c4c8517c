from nepsbench.campaign.owners import claim, owned


def test_the_last_try_that_claimed_a_job_owns_it(tmp_path):
    claim(tmp_path, "c", ["a", "b"], "try 1")
    claim(tmp_path, "c", ["b"], "try 2")
    assert owned(tmp_path, "c", ["a", "b", "unknown"], "try 1") == ["a"]
    assert owned(tmp_path, "c", ["a", "b"], "try 2") == ["b"]
