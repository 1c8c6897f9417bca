"""scripts/chaos: jobs that are killed, stopped and resumed at random moments."""
