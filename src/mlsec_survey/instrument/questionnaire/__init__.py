"""The questionnaire: from codebook and wording to what a survey tool imports and paper shows."""
