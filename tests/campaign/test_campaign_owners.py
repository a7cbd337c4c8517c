from nepsbench.campaign.owners import claim, owned


def test_the_last_run_that_claimed_a_job_owns_it(tmp_path):
    claim(tmp_path, "c", ["a", "b"], "run 1")
    claim(tmp_path, "c", ["b"], "run 2")
    assert owned(tmp_path, "c", ["a", "b", "unknown"], "run 1") == ["a"]
    assert owned(tmp_path, "c", ["a", "b"], "run 2") == ["b"]
