"""Training recipes whose losses, masks, data and trainable parts change while they train."""
