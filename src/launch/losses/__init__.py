"""Image losses: one loss, one file; several scenarios use the same one.

`LOSSES` maps what an experiment writes as `type:` to the class. The second half are the names
that traiNNer-redux configurations use, so that their loss entries work unchanged. Nothing here
imports torch, because the command line reads it.
"""

LOSSES: dict[str, str] = {
    "l1": "launch.losses.pixel.L1",
    "mse": "launch.losses.pixel.MSE",
    "charbonnier": "launch.losses.pixel.Charbonnier",
    "ssim": "launch.losses.structural.SSIM",
    "msssim": "launch.losses.structural.MSSSIM",
    "fft": "launch.losses.frequency.Frequency",
    "colour": "launch.losses.colour.Colour",
    "tv": "launch.losses.total_variation.TotalVariation",
    "nlpd": "launch.losses.nlpd.NLPD",
    "vgg": "launch.losses.vgg.VGG",
    "convnext": "launch.losses.convnext.ConvNeXt",
    "lpips": "launch.losses.lpips.LPIPS",
    "ldl": "launch.losses.ldl.LDL",
    "gan": "launch.losses.gan.GAN",
    # names of traiNNer-redux
    "l1loss": "launch.losses.pixel.L1",
    "mseloss": "launch.losses.pixel.MSE",
    "charbonnierloss": "launch.losses.pixel.Charbonnier",
    "ssimloss": "launch.losses.structural.SSIM",
    "mssimloss": "launch.losses.structural.MSSSIM",
    "msssimloss": "launch.losses.structural.MSSSIM",
    "fftloss": "launch.losses.frequency.Frequency",
    "colorloss": "launch.losses.colour.Colour",
    "tvloss": "launch.losses.total_variation.TotalVariation",
    "nlpdloss": "launch.losses.nlpd.NLPD",
    "perceptualloss": "launch.losses.vgg.VGG",
    "perceptual_loss": "launch.losses.vgg.VGG",
    "convnextperceptualloss": "launch.losses.convnext.ConvNeXt",
    "lpipsloss": "launch.losses.lpips.LPIPS",
    "ldlloss": "launch.losses.ldl.LDL",
    "ganloss": "launch.losses.gan.GAN",
}
