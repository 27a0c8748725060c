"""Super-resolution whose loss weights ramp, switch on and switch off while it trains."""
