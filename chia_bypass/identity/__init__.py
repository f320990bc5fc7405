"""Who a call is: its parent, function, tag, number, lane and arguments."""
