"""An invented year of calls, in a database of its own, to see and test the console at true size."""
