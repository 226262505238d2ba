"""Deals with the machine: errors, the command line, disks, processes, devices, run folders."""
