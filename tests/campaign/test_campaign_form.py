import json
import subprocess
import sys

import pytest

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign, parse_campaign, read_campaign
from nepsbench.errors import SpecError


def test_the_name_comes_from_what_is_trained_and_nothing_else():
    base = parse_campaign({})
    same = parse_campaign({"waves": "1,2", "cluster": "other", "release": "2.0.0"})
    assert base.name == same.name
    assert base.name.startswith("nepsbench101-digits-")
    assert parse_campaign({"samples": 3}).name != base.name
    assert parse_campaign({"seed": 7}).name != base.name


def test_a_recipe_that_is_not_the_spaces_own_stands_in_the_benchmarks_name():
    own = parse_campaign({"space": "nasbench101", "waves": "1"})
    assert (own.recipe, own.benchmark) == ("nasbench101", "nasbench101-digits")
    other = parse_campaign({"space": "nasbench101", "waves": "1", "recipe": "nasbench101-36"})
    assert other.benchmark == "nasbench101-digits-nasbench101-36"
    assert other.name != own.name
    longest = parse_campaign({"space": "nasbench101", "waves": "1", "recipe": "nasbench101-108"})
    assert longest == own


def test_the_spaces_own_recipe_leaves_names_as_they_were():
    assert parse_campaign({}).name == "nepsbench101-digits-25450fc7"


def test_a_form_writes_waves_as_text_and_leaves_fields_empty():
    campaign = parse_campaign({"waves": "3, 12,50", "seed": None, "name": "", "mlflow_limit": None})
    assert campaign.waves == (3, 12, 50)
    assert campaign.seed is None


def test_one_training_seed_for_all_reaches_the_spec():
    assert parse_campaign({"seed": 777}).spec().seeds == [777]
    assert parse_campaign({}).spec().seeds == "stream"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"wave": 3}, "unknown key 'wave'; did you mean 'waves'"),
        ({"waves": "12,3"}, "give 1 to 5 rising numbers of epochs"),
        ({"waves": "1,2,3,4,5,6"}, "give 1 to 5 rising numbers of epochs"),
        ({"waves": "x"}, "waves.0: Input should be a valid integer"),
        ({"waves": "3,201"}, "recipe nepsbench101/2 ends at epoch 200, 201 were asked for"),
        ({"streams": 0}, "streams: Input should be greater than or equal to 1, not 0"),
        ({"release": "one"}, "release: String should match pattern"),
        ({"space": "nope"}, "unknown space 'nope'; there are: nepsbench101"),
        ({"dataset": "nope"}, "unknown dataset 'nope'; there are: "),
        ({"name": "a/b"}, "name: String should match pattern"),
        ({"recipe": "nope"}, "unknown recipe 'nope'; there are: amber, "),
        ({"recipe": "nasbench201"}, "recipe nasbench201 takes no notice of LearningRate, Opt"),
        (
            {"space": "nasbench101", "recipe": "nasbench360", "dataset": "deepsea"},
            "space nasbench101: takes inputs (channels, height, width) and gives one output",
        ),
        ({"space": "nds_vanilla"}, "space nds_vanilla has no recipe of its own; name one of"),
        (
            {"space": "nasbench201", "recipe": "nasbench360_precompute"},
            "recipe nasbench360_precompute is not for dataset digits; it is for: ninapro_db5, ",
        ),
        (
            {"space": "nasbench101", "recipe": "nasbench101-4"},
            "recipe nasbench101-4/1 ends at epoch 4, 12 were asked for",
        ),
    ],
)
def test_nonsense_is_refused_in_one_line(values, message):
    with pytest.raises(SpecError) as caught:
        parse_campaign(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_form_is_checked_without_torch():
    code = (
        "import sys; from nepsbench.campaign.form import parse_campaign; "
        "parse_campaign({}); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_a_campaign_survives_its_folder(tmp_path):
    campaign = parse_campaign({"samples": 3, "waves": "1,5"})
    folder = CampaignFolder(tmp_path, campaign.name)
    folder.save(campaign)
    assert folder.load() == campaign
    folder.save(Campaign(samples=3, waves=(1, 5, 9), name=campaign.name))
    assert folder.load().waves == (1, 5, 9)


def test_a_name_cannot_be_taken_for_other_trials(tmp_path):
    folder = CampaignFolder(tmp_path, "mine")
    folder.save(Campaign(samples=3, name="mine"))
    with pytest.raises(SpecError, match="campaign mine exists and draws something else"):
        folder.save(Campaign(samples=4, name="mine"))


def test_a_name_cannot_be_taken_for_another_recipe(tmp_path):
    folder = CampaignFolder(tmp_path, "mine")
    folder.save(Campaign(space="nasbench201", name="mine"))
    with pytest.raises(SpecError, match="campaign mine exists and trains by recipe nasbench201"):
        folder.save(Campaign(space="nasbench201", recipe="nats_size", name="mine"))


def test_a_missing_or_damaged_campaign_file_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"campaign\.json: no such campaign"):
        CampaignFolder(tmp_path, "none").load()
    path = tmp_path / "campaign.json"
    path.write_text("{")
    with pytest.raises(SpecError, match="not JSON"):
        read_campaign(path)
    path.write_text(json.dumps({"samples": 0}))
    with pytest.raises(SpecError, match="samples"):
        read_campaign(path)
