"""What a generator is: its contract, what it is fitted to, the files of fitted models."""
