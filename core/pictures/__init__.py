"""Pictures for people: text, plots, panels, overlays and colours."""
