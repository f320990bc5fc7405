"""Who a call is: the same rule names the calls of a recording and those of a replay."""
