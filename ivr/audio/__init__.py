"""Sound as numbers: pure functions and state machines, no devices and no clock."""
