"""Pictures after validations."""

import numpy as np
from PIL import Image

from launch.train.callbacks.image_panels import ImagePanels, stack
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses


class Drawing(ScheduledModule):
    def image_panel(self):
        return [np.zeros((8, 16, 3), np.uint8), np.full((8, 10, 3), 100, np.uint8)]


def test_rows_of_any_width_are_stacked_on_white():
    picture = stack(Drawing(ScheduledLosses({})).image_panel(), gap=2)
    assert picture.shape == (18, 16, 3)
    assert (picture[10:, 10:] == 255).all()


def test_the_picture_is_named_after_the_iteration(tmp_path):
    module = Drawing(ScheduledLosses({}))
    module.iteration = 1500
    path = ImagePanels(tmp_path / "images", 100).draw(module)
    assert path.name == "iteration_00001500.png"
    assert Image.open(path).size == (16, 20)


def test_a_module_without_pictures_leaves_none(tmp_path):
    module = ScheduledModule(ScheduledLosses({}))
    assert ImagePanels(tmp_path, 100).draw(module) is None
