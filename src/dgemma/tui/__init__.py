"""What is drawn on a terminal: the canvas while it settles, and the progress of long jobs."""
