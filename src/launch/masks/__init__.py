"""Scheduled masks. Torch-free: only the table from a mask's `type` to the class that draws it.

A scenario's own masks are named by `_target_`.
"""

MASKS: dict[str, str] = {
    "disc": "launch.masks.disc.Disc",
}
