"""The ``nepsbench`` command: one module a noun, one function a command, imports inside."""
