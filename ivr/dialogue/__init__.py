"""What to do next in a conversation: pure functions of a state and of what happened."""
