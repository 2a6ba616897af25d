"""Runs requests on one device: requests in, events out."""
