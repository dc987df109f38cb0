"""How long what is known of people is kept, and what becomes of it then."""
