"""Who is held out does not depend on spelling, order, or on who else is there."""

import pytest

from launch.tools.split import hold_out, identity

PEOPLE = [str(number) for number in range(40)]


@pytest.mark.parametrize(
    "spelling", ["7", "00000007", " 7 ", "7.0", "patient00007", "Patient_7", "p7", "P-007", "s7"]
)
def test_one_person_has_one_identity(spelling):
    assert identity(spelling) == "7"


def test_names_that_are_no_numbers_differ_by_more_than_case():
    assert identity("Anna") == identity("anna ") != identity("Anne")
    assert identity("10") != identity("1") and identity("1.5") != identity("15")


def test_a_share_is_held_out_whatever_the_order_and_the_repetitions():
    held = hold_out(PEOPLE, 0.1)
    assert len(held) == 4
    assert hold_out(PEOPLE[::-1] * 3, 0.1) == held


def test_newcomers_hardly_move_anybody():
    before, after = hold_out(PEOPLE, 0.25), hold_out([*PEOPLE, "a", "b", "c", "d"], 0.25)
    assert len(before & after) >= len(before) - 4
    assert hold_out(PEOPLE, 0.1) < hold_out(PEOPLE, 0.5)


def test_at_least_one_is_held_out_and_one_of_several_is_left():
    assert len(hold_out(PEOPLE[:3], 0.01)) == 1
    assert len(hold_out(PEOPLE[:3], 0.99)) == 2
    assert hold_out(["a"], 0.1) == {"a"}
