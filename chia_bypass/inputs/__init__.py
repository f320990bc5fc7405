"""What a call reads besides the values of its arguments: the files and folders that they name."""
