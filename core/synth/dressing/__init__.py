"""What a synthetic person wears: skin, garments, hair and painted clothes."""
