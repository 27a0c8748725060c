"""Shared callbacks. The first three write one declared slot each, so their order is free:

| callback       | slot                          | written                                     |
|----------------|-------------------------------|---------------------------------------------|
| `LossSchedule` | `module.losses.iteration`     | before every training batch and validation  |
| `MaskSchedule` | `module.scheduled_masks`      | before every training batch and validation  |
| `EMAUpdate`    | `module.ema` (`update_ema()`) | after every completed update                |

The others only look.
"""
