"""What a call leaves besides its value: files, kept by a recording and put back by a replay."""
