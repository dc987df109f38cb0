"""The web console of admins and operators: a process of its own, which no call depends on."""
