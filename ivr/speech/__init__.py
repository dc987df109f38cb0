"""Speech in and out: protocols, one module per engine, rendered prompts, French as it is said."""
