from nepsbench.campaign.form import MAX_WAVES, Campaign, parse_campaign
from nepsbench_airflow import forms
from nepsbench_airflow.defaults import WAVE_SLOTS


def test_the_form_has_the_campaigns_fields_and_defaults():
    form = forms.campaign_form()
    assert set(form) == set(Campaign.model_fields)
    values = {name: param.value for name, param in form.items()}
    assert parse_campaign(values) == parse_campaign({})


def test_every_field_explains_itself():
    for form in (forms.campaign_form(), forms.stage_form(wave=True)):
        for param in form.values():
            assert param.schema["title"]
            assert len(param.description) > 10


def test_there_are_slots_for_as_many_waves_as_a_campaign_may_have():
    assert WAVE_SLOTS == MAX_WAVES
