"""Speed and memory of what users wait for. ``python -m benchmarks`` measures and writes it down."""
