"""Occluders placed by hand: data that hide parts of a photo, and how well z finds them."""
