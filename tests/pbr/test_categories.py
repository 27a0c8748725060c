"""Category hygiene: what is kept, merged, dropped, and what the user is told."""

import pytest

from launch.experiments.pbr.categories import Categories


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("wood", "wood"),
        ("Metal", "metal"),
        ("concrete", "stone"),
        ("marble", "stone"),
        ("plastic", None),
        ("plaster", None),
        ("terracotta", None),
        ("misc", None),
        ("fur", None),
        ("unheard of", None),
    ],
)
def test_hygiene_of_the_thirteen_categories(category, expected):
    index = Categories().index(category)
    assert (None if index is None else Categories().names[index]) == expected


def test_marble_and_fur_add_classes_without_moving_the_others():
    plain, extended = Categories(), Categories(marble=True, fur=True)
    assert extended.names[: len(plain.names)] == plain.names
    assert extended.names[7:] == ("fur", "marble")
    assert extended.index("marble") == 8


def test_merging_into_a_class_that_is_not_kept_is_an_error():
    with pytest.raises(ValueError, match="concrete counts as rock, which is not kept"):
        Categories(merge={"concrete": "rock"})


def test_notes_name_unknown_categories_and_empty_classes():
    notes = Categories().notes({"wood": 3, "paper": 2, "plastic": 1})
    assert any("'paper' is unknown: 2 materials" in note for note in notes)
    assert any("'metal' has no sample" in note for note in notes)
    assert not any("plastic" in note for note in notes)


def test_a_hundred_samples_of_fur_are_worth_a_class():
    assert any("fur=true" in note for note in Categories().notes({"fur": 100}))
    assert not any("fur=true" in note for note in Categories().notes({"fur": 99}))


def test_materials_without_a_category_above_them_are_told_where_to_lie():
    said = Categories().hint({"Rock000": 1, "Bark012": 1})
    assert "None of those is a class (ceramic, fabric" in said
    assert "CATEGORY/MATERIAL/albedo.png" in said
    assert Categories().hint({"Rock000": 1, "stone": 1}) == Categories().hint({}) == ""
