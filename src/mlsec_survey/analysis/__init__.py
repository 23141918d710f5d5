"""What the study computes from responses, on plain tables."""
