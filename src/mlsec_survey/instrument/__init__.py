"""What is asked and what is tested: codebook, plan, manifest."""
