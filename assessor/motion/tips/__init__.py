"""Instruments: found as shafts, followed by points on them."""
