from typing import get_args

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from nepsbench.audit.form import AuditForm
from nepsbench.campaign.form import MAX_WAVES, Campaign, parse_campaign
from nepsbench.campaign.importing import ImportForm
from nepsbench.client.durations import DurationRule
from nepsbench.errors import SpecError
from nepsbench.search.form import SearchForm, parse_form
from nepsbench.warehouse.importers import KINDS
from nepsbench_airflow import forms
from nepsbench_airflow.defaults import WAVE_SLOTS


def test_the_form_has_the_campaigns_fields_and_defaults():
    form = forms.campaign_form()
    assert set(form) == set(Campaign.model_fields)
    values = {name: param.value for name, param in form.items()}
    assert parse_campaign(values) == parse_campaign({})


def test_every_field_explains_itself():
    for form in (forms.campaign_form(), forms.stage_form(wave=True), forms.import_form(),
                 forms.search_form(), forms.audit_form()):  # fmt: skip
        for param in form.values():
            assert param.schema["title"]
            assert len(param.description) > 10


def test_there_are_slots_for_as_many_waves_as_a_campaign_may_have():
    assert WAVE_SLOTS == MAX_WAVES


def test_the_import_form_has_the_same_fields_and_kinds_as_the_import():
    form = forms.import_form()
    assert set(form) == set(ImportForm.model_fields)
    assert form["kind"].schema["enum"] == list(KINDS)


def test_the_search_form_has_the_same_fields_and_defaults_as_a_study():
    form = forms.search_form()
    assert set(form) == set(SearchForm.model_fields)
    assert form["durations"].schema["enum"] == list(get_args(DurationRule))
    values = {name: param.value for name, param in form.items()}
    named = {"study": "s", "benchmark": "b"}
    assert parse_form(values | named) == parse_form(named)


@pytest.mark.parametrize(
    "change", [{"study": "a/b"}, {"seeds": 0}, {"durations": "hours"}, {"benchmark": ""}]
)
def test_a_search_form_is_refused_before_a_run_starts(change):
    with pytest.raises(ParamValidationError):
        filled({"study": "s", "benchmark": "b"} | change, forms.search_form())


def test_a_form_that_names_an_optimiser_twice_is_refused_in_one_line():
    with pytest.raises(SpecError, match="two optimisers are called 'random'"):
        parse_form({"study": "s", "benchmark": "b", "optimisers": "random, random"})


def test_the_audit_form_has_the_same_fields_and_defaults_as_the_audit():
    form = forms.audit_form()
    values = {name: param.value for name, param in form.items()} | {"benchmark": "x-y"}
    assert AuditForm.model_validate(values) == AuditForm(benchmark="x-y")
    assert set(form) == set(AuditForm.model_fields)


@pytest.mark.parametrize(
    "change",
    [
        {"share": 0},
        {"share": 1.5},
        {"number": 0},
        {"epochs": 0},
        {"cluster": "a/b"},
        {"points": -1},
    ],
)
def test_an_audit_form_is_refused_before_a_run_starts(change):
    params = ParamsDict(forms.audit_form(), suppress_exception=False)
    params.update({"benchmark": "x-y"})
    assert params.validate()["number"] is None
    with pytest.raises(ParamValidationError):
        params.update(change)


GOOD = {"kind": "nds", "path": "/data/nds"}


def filled(values, form=None):
    """Fill a form, the import's, as a person does; what comes back is what the run gets."""
    params = ParamsDict(form or forms.import_form(), suppress_exception=False)
    params.update(values)
    return params.validate()


def test_an_import_form_is_refused_before_a_run_starts():
    assert filled(GOOD)["release"] is None
    for change in ({"kind": "ndss"}, {"path": ""}, {"release": "1"}, {"name": "a/b"}):
        with pytest.raises(ParamValidationError):
            filled(GOOD | change)
    with pytest.raises(ParamValidationError):
        ParamsDict(forms.import_form()).validate()
