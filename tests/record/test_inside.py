"""Values of a configuration and their keys."""

from launch.record.inside import below, children, everything


def test_what_is_inside_a_value_by_name_or_place():
    assert children({"a": 1, 2: 3}) == {"a": 1, "2": 3}
    assert children(["a", "b"]) == {"0": "a", "1": "b"}
    assert children("text") == {}


def test_a_key_below_the_root_has_no_dot_before_it():
    assert below("", "trainer", "devices") == "trainer.devices"


def test_all_that_is_in_a_value_outer_before_inner():
    value = {"a": [{"b": 1}]}
    assert list(everything(value)) == [
        ("", value), ("a", [{"b": 1}]), ("a.0", {"b": 1}), ("a.0.b", 1),
    ]  # fmt: skip
    assert [key for key, _ in everything(value["a"], "x")] == ["x", "x.0", "x.0.b"]
