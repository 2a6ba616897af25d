"""What a terminal shows while an answer is made."""
