/* Model: the queue lock of protocol adv (mmserver/corten/qlock.h, qlock.c), every access to shared memory one step.
 *
 * Workers take lock 0 or lock 1 or both, in that order, for ever. Each has one node, with which it waits for either.
 *
 * What is asserted
 *   exclusion   at most one holder of each lock
 *   order       a lock is handed over in the order in which its tail was taken
 *   no deadlock there is no state without a successor
 *   -DLIVE      who stands in the queue gets the lock, if nobody who can go on stands still for ever (pan -a -f)
 */
#define NOTHING 0
#define NEXT_FIRST 1  /* the holder empties `next` before the tail shows that nobody waits */
#define AWAIT_NEXT 2  /* who leaves the queue waits until the one behind has said where it stands */
#define WAIT_FIRST 3  /* `wait` is set before the node can be found */
#define UNLOCK_SWAP 4 /* unlocking is a compare-and-swap: somebody may have come */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef LOCKS
#define LOCKS 2
#endif

#define FREE 0
#define SELF 1         /* the lock's own address: held, nobody waits */
#define NODE(w) (2 + (w)) /* node of worker w */

byte tail[LOCKS], next[LOCKS];
byte node_next[WORKERS];
bool node_wait[WORKERS];

bool held[LOCKS];                            /* ghost */
chan order[LOCKS] = [WORKERS] of { byte };   /* ghost: who took the tail, in this order */
bool wants, has;                             /* ghost: of worker 0, for -DLIVE */

/* One step: *p is `from` and becomes `to`, or ok is false. Who takes the tail stands in the ghost's queue. */
#define swap_tail(l, from, to, queues)                                                                                 \
    atomic {                                                                                                           \
        ok = (tail[l] == from);                                                                                        \
        if                                                                                                             \
        :: ok ->                                                                                                       \
               tail[l] = to;                                                                                           \
               if                                                                                                      \
               :: queues -> order[l] ! id                                                                              \
               :: !(queues) -> skip                                                                                    \
               fi                                                                                                      \
        :: !ok -> skip                                                                                                 \
        fi                                                                                                             \
    }

inline set_next(prev, l)
{
    if
    :: prev == SELF -> next[l] = NODE(id)
    :: prev != SELF -> node_next[prev - 2] = NODE(id)
    fi
}

/* [leave] */
inline leave(l)
{
    behind = node_next[id];
    if
    :: behind == 0 ->
           if
           :: BREAK != NEXT_FIRST -> next[l] = 0
           :: else -> skip
           fi;
           swap_tail(l, NODE(id), SELF, false);
           if
           :: BREAK == NEXT_FIRST && ok -> next[l] = 0
           :: else -> skip
           fi;
           if
           :: !ok && BREAK != AWAIT_NEXT -> atomic { node_next[id] != 0 -> behind = node_next[id] }
           :: else -> skip
           fi
    :: else -> ok = false
    fi;
    if
    :: !ok -> next[l] = behind
    :: else -> skip
    fi;
    behind = 0
}

/* [lock_slow] */
inline lock_slow(l)
{
    do
    :: prev = tail[l];
       if
       :: prev == FREE ->
              swap_tail(l, FREE, SELF, true);
              if
              :: ok -> break
              :: else -> skip
              fi
       :: else ->
              node_next[id] = 0;
              if
              :: BREAK != WAIT_FIRST -> node_wait[id] = true
              :: else -> skip
              fi;
              swap_tail(l, prev, NODE(id), true);
              if
              :: ok ->
                     wants = wants || id == 0;
                     set_next(prev, l);                              /* [enqueue] */
                     if
                     :: BREAK == WAIT_FIRST -> node_wait[id] = true
                     :: else -> skip
                     fi;
                     !node_wait[id];
                     leave(l);
                     break
              :: else -> skip
              fi
       fi
    od;
    prev = 0
}

inline acquire(l)
{
    swap_tail(l, FREE, SELF, true);                                  /* [lock] */
    if
    :: !ok -> lock_slow(l)
    :: else -> skip
    fi;
    atomic {
        assert(!held[l]);
        held[l] = true;
        order[l] ? prev;
        assert(prev == id);
        prev = 0; ok = false;
        has = has || id == 0;
        wants = wants && id != 0
    }
}

/* [unlock] */
inline release(l)
{
    atomic { held[l] = false; has = has && id != 0 };
    behind = next[l];
    if
    :: behind != 0 -> ok = false
    :: behind == 0 && BREAK == UNLOCK_SWAP -> tail[l] = FREE; ok = true
    :: behind == 0 && BREAK != UNLOCK_SWAP -> swap_tail(l, SELF, FREE, false)
    fi;
    if
    :: !ok ->                                                        /* [unlock_slow] */
           atomic { next[l] != 0 -> behind = next[l] };
           node_wait[behind - 2] = false
    :: else -> skip
    fi;
    behind = 0; ok = false
}

active [WORKERS] proctype worker()
{
    byte id = _pid, prev, behind;
    bool ok;

    do
    :: acquire(0); release(0)
    :: LOCKS > 1 -> acquire(LOCKS - 1); release(LOCKS - 1)
    :: LOCKS > 1 -> acquire(0); acquire(LOCKS - 1); release(LOCKS - 1); release(0)
    od
}

#ifdef LIVE
ltl who_queues_gets_in { [] (wants -> <> has) }
#endif
