"""How the town hall answers its telephone: figures of the call log, by day, hour and department."""
