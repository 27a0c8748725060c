import cv2
import numpy as np
import torch
from launch.experiments.smoke import pictures
from PIL import Image


def test_a_comparison_has_three_rows_of_frames():
    truth, generated = torch.zeros(4, 3, 32, 32), torch.ones(4, 3, 32, 32)
    picture = pictures.comparison(truth, generated)
    side = 96 + pictures.GAP
    assert picture.shape == (3 * side, 4 * side, 3) and picture.dtype == np.uint8
    assert [int(picture[row * side + 5, 5, 0]) for row in range(3)] == [0, 255, 255]


def test_videos_have_every_frame_and_the_colours_of_rgb(tmp_path):
    frames = torch.zeros(5, 3, 16, 16)
    frames[:, 0] = 1
    frames[1::2, :, :4, :4] = 1  # or a GIF keeps one picture for longer
    for name in ("a.mp4", "a.gif"):
        pictures.save_video(tmp_path / name, frames, 7)
    capture = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    images = []
    while (read := capture.read())[0]:
        images.append(read[1])
    assert len(images) == 5
    assert images[0][100, 100, 2] > 200 and images[0][100, 100, 0] < 60
    assert Image.open(tmp_path / "a.gif").is_animated
