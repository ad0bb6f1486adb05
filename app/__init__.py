"""The debugger: a window on a running fit. It imports `core`; `core` never imports it."""
