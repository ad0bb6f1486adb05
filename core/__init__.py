"""The engine of the fitting debugger: bodies, volumes, rendering, nets, fitting, training."""
