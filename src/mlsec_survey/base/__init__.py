"""What every room stands on: errors, words and numbers for readers, files, YAML."""
