"""What the town hall knows: FAQ, departments, people, hours; files that people edit."""
