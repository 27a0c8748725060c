"""Scheduled masks. Torch-free: only the table from a mask's `type` to the class that draws it."""

MASKS: dict[str, str] = {
    "central_winding_pie_ema": "launch.masks.central_winding_pie.CentralWindingPie",
    "column_annulus": "launch.masks.column_annulus.ColumnAnnulus",
    "dilation": "launch.masks.dilation.Dilation",
    "disc": "launch.masks.disc.Disc",
    "image_file": "launch.masks.image_file.ImageFile",
}
