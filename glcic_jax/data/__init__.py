"""Turns files of pictures into batches to train on."""
