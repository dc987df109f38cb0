"""What happens on the telephone, as it happens, for the console; and what the console orders.

``ivr serve`` tells it over Redis and keeps nothing there: see ``board`` (the telling side) and
``mirror`` (the watching side).
"""
