"""The service on a bad day from a seed: the real protocol, with a store, an edge, clocks and callers that misbehave.

`python -m verification.simulation SEED` tells a run as a story, `--seeds N --from S` runs many, `--find-broken` looks
for the seeds that catch the broken designs.

| what goes wrong | where |
| --- | --- |
| a batch is lost; applied, not answered; 1-30 s or 5 min late; twice; slow; not done, nor its entries | store/memory |
| a read fails | store/memory |
| a process is killed at any await, its sweepers and relays with it, and is up again with empty memory | process |
| a process stands still for up to 10 min, longer than every bound, and then continues | world |
| a clock is off by up to 2.5 s, ten times the bound, and is set forwards or back at any time | process, world |
| no, one or two sweepers; no or one relay; rounds paused for 20 s; a sink fails, perhaps half way | world, process |
| the edge is slow, forgets everything, lets all pass, lies, loses a message, gets it 5 s late | faulty_edge |
| a caller hangs up (cancelled at any await), loses patience, asks again, twice at once, reuses a key | front, holders |
| a trip is opened from two processes while holders already request seats | world |

Index entries are never lost while their batch is tried: the port promises that they are durable before it.

| calls | how |
| --- | --- |
| hold | one to three seats on one to three segments; with and without key, limit, gate; in one seat group or several |
| confirm (late, for another order too), extend, release, cancel, find | again, at once, around the expiry |
| block, unblock | by the house |
| join, leave, list | waiting lists; twice at once, both at once, again |
| seat map | through the cache that all processes share |

Seat groups are of one seat, of two, of 16 and of all.

Batches are judged when they take effect (`oracle`), and answers by what took effect when (`hindsight`; both for waiting
lists in `lists`). The answers alone are judged by whether any order of events explains them (`checker` and `turns`, on
a `history`); so a history that a run on real processes wrote down can be judged as well.
"""
