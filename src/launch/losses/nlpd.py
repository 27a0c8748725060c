"""The normalised Laplacian pyramid distance: a perceptual metric that needs no trained network."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.losses.precision import full_precision

LUMA = (0.299, 0.587, 0.114)  # BT.601
BLUR = (0.05, 0.25, 0.4, 0.25, 0.05)

# Parameters published with the paper, fitted to photographs, finest band first. The local
# amplitude is a weighted sum of the neighbours' magnitudes: above, below, left, right and the
# second to the left; `sigma` is the constant added to it.
#         above   below   left    right   left 2  sigma
BANDS = (
    (0.1015, 0.1011, 0.1460, 0.1493, 0.0072, 0.0248),
    (0.0837, 0.0757, 0.1846, 0.1986, 0.0000, 0.0185),
    (0.0467, 0.0477, 0.2243, 0.2138, 0.0000, 0.0179),
    (0.0000, 0.0000, 0.2616, 0.2503, 0.0000, 0.0191),
    (0.0000, 0.0000, 0.2552, 0.2598, 0.0000, 0.0220),
    (0.0000, 0.0000, 0.0717, 0.2215, 0.0000, 0.2782),
)
NEIGHBOURS = ((1, 2), (3, 2), (2, 1), (2, 3), (2, 0))


class NLPD(nn.Module):
    """Distance of two images after a Laplacian pyramid and local gain control.

    Each band of the pyramid is divided by the amplitude around each pixel, as the early visual
    system does, so that an error on a flat area counts more than the same error in a texture:

        y_k = x_k / (sigma_k + p_k * |x_k|),    NLPD = mean over k of RMS(y_k - y'_k)

    with * a convolution. Only the luminance of images in [0, 1] is seen; the value is averaged
    over the batch. Of one photograph: JPEG quality 75 0.08, bicubic enlargement x2 0.11 and x4
    0.22, noise of standard deviation 0.1 0.37, its mirror image 1.2.

    Laparra, Ballé, Berardino and Simoncelli, "Perceptual image quality assessment using a
    normalized Laplacian pyramid", Human Vision and Electronic Imaging 2016; pyramid of Burt and
    Adelson 1983, with 6 bands, the coarsest a low-pass one. Images need at least 17 pixels a side.
    """

    metric_name = "nlpd"
    luma: Tensor
    blur: Tensor
    amplitude: Tensor
    sigma: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor(BLUR)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("blur", torch.outer(row, row).view(1, 1, 5, 5), persistent=False)
        self.register_buffer("amplitude", _amplitude_kernels(), persistent=False)
        sigma = torch.tensor([band[-1] for band in BANDS])
        self.register_buffer("sigma", sigma, persistent=False)

    @full_precision
    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        height, width = pred.shape[-2:]
        if min(height, width) < SMALLEST:
            raise ConfigError(
                f"nlpd needs images of at least {SMALLEST} x {SMALLEST} pixels, got {height} x "
                f"{width}; use larger crops"
            )
        pairs = zip(self.bands(pred), self.bands(target), strict=True)
        distances = [_root_mean_square(one - other) for one, other in pairs]
        return torch.stack(distances).mean()

    def bands(self, image: Tensor) -> list[Tensor]:
        """Normalised bands of (N, 1 or 3, H, W), finest first: each (N, 1, H / 2^k, W / 2^k)."""
        grey = F.conv2d(image, self.luma.to(image.dtype)) if image.shape[1] == 3 else image
        return [self._normalise(level, band) for level, band in enumerate(self._pyramid(grey))]

    def _pyramid(self, grey: Tensor) -> list[Tensor]:
        blur = self.blur.to(grey.dtype)
        bands = []
        for _ in BANDS[1:]:
            coarse = F.conv2d(_mirror(_mirror(grey, -1), -2), blur, stride=2)
            bands.append(grey - _expand(coarse, blur, grey.shape[-2:]))
            grey = coarse
        return [*bands, grey]

    def _normalise(self, level: int, band: Tensor) -> Tensor:
        kernel = self.amplitude[level : level + 1].to(band.dtype)
        return band / (self.sigma[level] + F.conv2d(band.abs(), kernel, padding=2))


SMALLEST = 2 ** (len(BANDS) - 2) + 1


def _amplitude_kernels() -> Tensor:
    kernels = torch.zeros(len(BANDS), 1, 5, 5)
    for kernel, band in zip(kernels, BANDS, strict=True):
        for (row, column), weight in zip(NEIGHBOURS, band, strict=False):
            kernel[0, row, column] = weight
    return kernels


def _mirror(image: Tensor, dim: int) -> Tensor:
    """Two more pixels at both ends, the border pixel repeated: b a | a b c ... y z | z y."""
    first = image.narrow(dim, 0, 2).flip(dim)
    last = image.narrow(dim, image.shape[dim] - 2, 2).flip(dim)
    return torch.cat([first, image, last], dim)


def _expand(coarse: Tensor, blur: Tensor, size: torch.Size) -> Tensor:
    """Twice the size: zeros between the pixels, then blurred; cut to `size`."""
    padded = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    height, width = size
    return F.conv_transpose2d(padded, 4 * blur, stride=2)[..., 4 : 4 + height, 4 : 4 + width]


def _root_mean_square(band: Tensor) -> Tensor:
    """Root mean square of each image, averaged; its gradient at 0 is 0, not NaN."""
    flat = band.flatten(1)
    return torch.linalg.vector_norm(flat, dim=1).mean() / flat.shape[1] ** 0.5
