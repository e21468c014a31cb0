"""The instructor's tool. It imports kllib; nothing imports it."""
