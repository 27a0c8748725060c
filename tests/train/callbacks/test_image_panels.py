"""Pictures after validations."""

from types import SimpleNamespace

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
    picture = ImagePanels(tmp_path / "images", 100).draw(module)
    path = tmp_path / "images" / "iteration_00001500.png"
    assert picture.shape == (20, 16, 3)
    assert Image.open(path).size == (16, 20)


def test_a_module_without_pictures_leaves_none(tmp_path):
    module = ScheduledModule(ScheduledLosses({}))
    assert ImagePanels(tmp_path, 100).draw(module) is None


def test_trackers_get_the_picture_that_is_saved(tmp_path):
    seen = []

    class Tracker:
        def log_picture(self, picture, iteration):
            seen.append((picture.shape, iteration))

    module = Drawing(ScheduledLosses({}))
    module.iteration, module.iterations = 100, 200
    trainer = SimpleNamespace(is_global_zero=True, loggers=[object(), Tracker()])
    ImagePanels(tmp_path, 100).on_validation_end(trainer, module)
    assert seen == [((20, 16, 3), 100)]
