"""Our ChiaFunction: functions and methods that run in place or, bypassed or not, on Ray."""
