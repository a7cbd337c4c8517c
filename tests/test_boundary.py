from __future__ import annotations

import pytest
from pydantic import Field, ValidationError, model_validator

from nepsbench.boundary import Section, first_problem


class Door(Section):
    width: int = Field(default=1, ge=1)


class House(Section):
    doors: tuple[Door, ...] = ()
    cellar: Door | None = None
    storeys: int = 1

    @model_validator(mode="after")
    def _stands(self) -> House:
        if self.storeys > 3:
            raise ValueError("too high to stand")
        return self


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"stories": 1}, "unknown key 'stories'; did you mean 'storeys'?"),
        ({"roof": 1}, "unknown key 'roof'; known keys: doors, cellar, storeys"),
        ({"doors": [{"widht": 1}]}, "unknown key 'doors.0.widht'; did you mean 'width'?"),
        ({"cellar": {"widht": 1}}, "unknown key 'cellar.widht'; did you mean 'width'?"),
        (
            {"doors": [{"width": 0}]},
            "doors.0.width: Input should be greater than or equal to 1, not 0",
        ),
        ({"storeys": 4}, "too high to stand"),
    ],
)
def test_the_first_problem_is_one_line_with_its_place(content, problem):
    with pytest.raises(ValidationError) as caught:
        House.model_validate(content)
    assert first_problem(caught.value, House) == problem
