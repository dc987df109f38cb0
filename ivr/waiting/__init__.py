"""Between the machine and a person: who is free, queues and their stays, what is heard there."""
