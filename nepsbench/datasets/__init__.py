"""What a configuration is trained on: prepared arrays with stored splits."""
