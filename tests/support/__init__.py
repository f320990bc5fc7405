"""What tests share. Ask here before writing a helper of your own.

Without Ray:

=====================  =========================================================================
`sample_records`       one record of each kind, with plausible fields: ``make_call``, ``make_run``
`memory_recording`     the calls of a recording, held in memory: what a matcher asks
`recording_builder`    a recording folder of the calls that a test lists (``Made``), by the writer
`sample_recording`     one small recording folder in which every kind of record stands
`value_models`         classes whose instances the value tests store
`plain_models`         plain classes, classes that are nearly so, and random graphs of them
`value_strategies`     Hypothesis strategies of nested values, a strict comparison, a round trip
`hooked_processes`     Python processes that start with the hook, as ``record`` starts a loop
`terminals`            the command line on a pseudo-terminal of a given width, or in a pipe
`perfetto`             Perfetto's own trace processor, for traces that we export; needs node
=====================  =========================================================================

On the Ray of the test session (the fixtures are in ``conftest.py``):

=======================  =======================================================================
`fixture_types`          types of the fixtures, for annotations
`loop_runner`            writes a loop, records it, replays it: fixture ``loops``
                         and, for a recording that a module shares, ``loops_for_all``
`chia_loop_runner`       the same for loops of CHIA's own ChiaFunction: fixture ``chia_loops``
`remote_worker_loops`    loops whose workers cannot see the recording folder
`plain_class_loops`      loops whose results are objects of plain classes, shared and in rings
`plain_races`            loops whose next call depends on which plain actor or task ends first
`search_loops`           loops whose next call depends on which call finishes first
=======================  =======================================================================

Of the run as a whole: `leftovers` finds the processes and files that a run has left behind.
"""
