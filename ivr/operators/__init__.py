"""The operators: what each is doing, who could take a call, how long a caller would wait."""
