"""Masks that follow the averaged mesh. Torch-free: only the table of what a stage may name."""

TYPES: dict[str, str] = {
    "central_winding_pie_ema": f"{__name__}.central_winding_pie.CentralWindingPie",
    "dilation": f"{__name__}.dilation.Dilation",
}
