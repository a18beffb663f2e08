"""Mixing the weights of two or three files into a new one."""
