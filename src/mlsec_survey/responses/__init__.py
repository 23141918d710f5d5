"""From a raw export to analysed responses: exclusions, missing answers, scales."""
