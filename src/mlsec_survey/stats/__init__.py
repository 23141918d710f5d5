"""Statistics on plain pandas and NumPy objects; nothing here reads, writes or draws."""
