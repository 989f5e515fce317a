/* Model: the two lock protocols of the core, with removal and recycling of tables, on a tree of three levels.
 *
 *                      root  0                    level 2, entries 0 and 1
 *                     /      \
 *                mid 1, 2     ...                 level 1, the same
 *               /      \
 *         leaf 3, 4, 5  ...                       level 0: entry 1 = page mapped; pages 0 .. 7
 *
 * WORKERS workers do JOBS transactions each, every one of them any of those in MENU; the tree at the start is one of
 * three. Tables that were removed go through limbo back to one pool, out of which all workers take, so a table may come
 * back at another place.
 *
 * What is asserted
 *   exclusion     no page is in the ranges of two transactions at once (claim)
 *   not stale     the covering table of a transaction is linked where the transaction believes (claim)
 *   no lost       what a transaction finds on its pages is what the last one on each left there (settled); the same at
 *   update        the end, and then every table is linked or back in the pool
 *   recycling     nobody reads, writes, locks or waits for a table that is in the pool (touch); no TLB may lead into it
 *                 when it gets there (recycle)
 *   no deadlock   the only states without a successor are those where every worker has ended
 *
 * Locking stands in corten_lock.pmh, what a transaction does inside in corten_tree.pmh, the life of a table after its removal
 * in corten_limbo.pmh.
 *
 * Each BREAK leaves one rule out; an assertion must fail or a deadlock be found then. The comments in brackets name steps
 * that docs/verification.md ties to the C code.
 */
#define ADV 1
#define RW 2
#define NOW 1
#define LAZY 2

/* Rules that can be left out. */
#define NOTHING 0
#define LOCK_BEFORE_LINK 1 /* adv: a new table is locked before it is linked */
#define STALE_BELOW 2      /* adv: all below a removed table are marked stale */
#define STALE_LOCKED 3     /* adv: they are marked before they are unlocked */
#define LOOK_AGAIN 4       /* adv: stale is looked at after locking; rw: the link is read again after locking */
#define LOCK_BELOW 5       /* adv: existing tables below the covering one are locked */
#define LOCK_REST 6        /* adv: a fault looks for tables that came between its walk and its lock */
#define PARENTS_FIRST 7    /* adv: ancestors are locked before descendants */
#define WAIT_EPOCH 8       /* adv: a removed table waits for all epochs */
#define EPOCH_FIRST 9      /* adv: the epoch begins before the walk (full fence) */
#define SEAL_AFTER 10      /* adv: epochs are read after the entry was cleared (full fence) */
#define WAIT_TLB 11        /* a removed table waits for a flush */
#define NUMBER_AFTER 12    /* lazy: the flush's number is read after the entries were cleared */
#define LAND 13            /* who enters a table waits for the write that rides */
#define PARENTS_HELD 14    /* rw: read locks are held until the end */
#define WRITE_LOCK 15      /* rw: the covering table is locked for writing */
#define TWO_PHASE 16       /* all locks are held until everything is written */
#define ASCENDING 17       /* adv: siblings are locked in ascending order. Not needed for anything that is asserted: passes */

#ifndef PROTOCOL
#define PROTOCOL ADV
#endif
#ifndef FLUSH
#define FLUSH LAZY
#endif
#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef JOBS
#define JOBS 1
#endif
#ifndef MENU
#define MENU 63 /* bits: the jobs of choose() */
#endif
#ifndef TREES
#define TREES 7 /* bits: empty; leaf 0 with page 0; leaves 0 and 1 with pages 0 and 3 */
#endif
#ifndef BREAK
#define BREAK NOTHING
#endif

#define TABLES 6
#define ROOT 0
#define NONE 0 /* as a link: the root is nobody's child */
#define PAGES 8
#define NOBODY 0
#define ME (id + 1)

#define E(t, i) entry[2 * (t) + (i)]
/* By leaf number q = page / 2. */
#define MID(q) E(ROOT, (q) >> 1)
#define LEAF(q) (MID(q) -> E(MID(q), (q) & 1) : NONE)
#define PAGE(p) (LEAF((p) >> 1) -> E(LEAF((p) >> 1), (p) & 1) : 0)
#define INDEX(p, level) (((p) >> (level)) & 1)

mtype = { POOL, TAKEN, OPEN, SEALED, PASSED };

byte entry[12];       /* a link, or 1: a page is mapped */
mtype stage[TABLES];  /* where a table is in its life; TAKEN: linked, or about to be */
bool stale[TABLES];
byte pending[TABLES]; /* entry + 1 of the write that rides */
byte lock[TABLES];    /* adv: queue lock; rw: writer. Who holds it */
byte readers[TABLES]; /* rw */
bool waiting[TABLES]; /* rw: a writer waits */
byte limbo[TABLES];   /* the worker whose limbo the table is in */
byte number[TABLES];  /* flush that a removed table waits for */
bool tlb[TABLES];     /* some TLB may lead into the table: the worst that hardware may do */
bool in_request[WORKERS];
byte seal[WORKERS];   /* bits: workers whose request, running when the seal was made, has not ended. In C: epochs noted,
                         and compared; an epoch changes when the request ends and never comes back */
byte started = 1, done = 1; /* flushes */
byte flushing[WORKERS];     /* number of the flush that the worker makes */
byte early[WORKERS];        /* number that the tables it retires will wait for; 0 is done for ever */

byte owner[PAGES]; /* ghost: in whose range the page is */
bool mapped[PAGES]; /* ghost: what the last transaction on the page left */
byte ended;

#define touch(t) assert(stage[t] != POOL)
#define LINKED(t, level, p)                                                                                            \
    (t == ROOT || (level == 1 && MID((p) >> 1) == t) || (level == 0 && LEAF((p) >> 1) == t))

/* What a transaction of the menu works on. */
#define FAULT 0
#define UNMAP 1
#define MAP 2
inline choose(job)
{
    if
    :: job == 0 -> what = FAULT; low = 0; high = 0
    :: job == 1 -> what = FAULT; low = 2; high = 2
    :: job == 2 -> what = UNMAP; low = 0; high = 1 /* all of a leaf table */
    :: job == 3 -> what = UNMAP; low = 1; high = 2 /* a part of two */
    :: job == 4 -> what = UNMAP; low = 0; high = 3 /* all of a mid table */
    :: job == 5 -> what = MAP; low = 1; high = 2
    :: job == 6 -> what = UNMAP; low = 2; high = 5 /* leaves under two mid tables */
    :: job == 7 -> what = FAULT; low = 4; high = 4
    fi;
    /* [covering_level] the lowest level whose tables cover the range and are larger than it */
    if
    :: high == low -> lowest = 0
    :: high - low == 1 -> lowest = 1
    :: else -> lowest = 2
    fi
}

/* Any job of the menu from `least` on. */
#define OFFERED(n) ((MENU & 1 << n) && least <= n)
inline pick(into, least)
{
    if
    :: OFFERED(0) -> into = 0
    :: OFFERED(1) -> into = 1
    :: OFFERED(2) -> into = 2
    :: OFFERED(3) -> into = 3
    :: OFFERED(4) -> into = 4
    :: OFFERED(5) -> into = 5
    :: OFFERED(6) -> into = 6
    :: OFFERED(7) -> into = 7
    fi
}

#include "corten_lock.pmh"
#include "corten_tree.pmh"
#include "corten_limbo.pmh"

/* ---- a worker ---- */

proctype worker(byte id; byte job)
{
    byte what, low, high, lowest, level, t, above, x, m, p, gone, ride, jobs;
    short q;
    bool force, tried;

    do
    :: jobs < JOBS ->
           atomic {
               if
               :: jobs > 0 -> pick(job, 0)
               :: else -> skip
               fi;
               jobs++;
               choose(job);
               job = 0;
               begin_request()
           };
           if
           :: PROTOCOL == ADV -> cover_adv()
           :: else -> cover_rw()
           fi;
           if
           :: PROTOCOL == ADV && level > 0 && BREAK != LOCK_BELOW && !(BREAK == LOCK_REST && what == FAULT) ->
                  lock_below()
           :: else -> skip
           fi;
           atomic {
               claim();
               land();
               settled();
               if
               :: BREAK == NUMBER_AFTER -> early[id] = started
               :: else -> skip
               fi
           };
           if
           :: BREAK == TWO_PHASE -> d_step { unlock_all() }
           :: else -> skip
           fi;
           if
           :: what == FAULT && level == 0 && PAGE(low) == 0 ->
                  d_step { ride = t; pending[t] = (low & 1) + 1; mapped[low] = true } /* [ride] */
           :: what == FAULT && !(level == 0 && PAGE(low) == 0) -> map_page(low)
           :: what == MAP -> map_page(low); map_page(high)
           :: what == UNMAP -> unmap()
           fi;
           if
           :: gone != 0 ->
                  if
                  :: FLUSH == NOW && BREAK != WAIT_TLB -> flush()    /* [flush_at_end] */
                  :: else -> skip
                  fi;
                  retire()
           :: else -> early[id] = 0
           fi;
           d_step {
               unclaim();
               if
               :: BREAK != TWO_PHASE -> unlock_all()
               :: else -> skip
               fi
           };
           end_request();
           if                                                        /* [riding_write] the kernel, after the reply */
           :: ride != NONE ->
                  atomic { assert(stage[ride] == TAKEN && !stale[ride]); exchange(ride, low & 1, 1); ride = NONE }
           :: else -> skip
           fi;
           d_step { what = 0; low = 0; high = 0; lowest = 0; level = 0; t = 0 };
           if
           :: IN(OPEN) || IN(SEALED) ->
                  if
                  :: force = false
                  :: force = true
                  fi;
                  advance(force);
                  force = false
           :: else -> skip
           fi
    :: else -> break
    od;
    do                                                               /* [drain] */
    :: IN(OPEN) && !IN(SEALED) || IN(PASSED) -> advance(true)
    :: IN(SEALED) && (seal[id] == 0 || BREAK == WAIT_EPOCH) -> advance(true)
    :: !IN(OPEN) && !IN(SEALED) && !IN(PASSED) -> break
    od;
    atomic { ended++; jobs = 0 }
}

init {
    byte q, job;
    atomic {
        for (q : 0 .. TABLES - 1) {
            stage[q] = POOL
        }
        stage[ROOT] = TAKEN;
        if
        :: (TREES & 1) -> skip
        :: (TREES & 2) ->
               E(ROOT, 0) = 1; stage[1] = TAKEN; tlb[1] = true; E(1, 0) = 3; stage[3] = TAKEN; tlb[3] = true;
               E(3, 0) = 1; mapped[0] = true
        :: (TREES & 4) ->
               E(ROOT, 0) = 1; stage[1] = TAKEN; tlb[1] = true; E(1, 0) = 3; stage[3] = TAKEN; tlb[3] = true;
               E(1, 1) = 4; stage[4] = TAKEN; tlb[4] = true;
               E(3, 0) = 1; mapped[0] = true; E(4, 1) = 1; mapped[3] = true
        fi;
        for (q : 0 .. WORKERS - 1) { /* workers are alike, so in ascending order of their first jobs */
            pick(job, job);
            run worker(q, job)
        }
        q = 0; job = 0
    }
    ended == WORKERS;
    d_step {
        for (q : 0 .. PAGES - 1) {
            assert(PAGE(q) == mapped[q] && owner[q] == NOBODY)
        }
        for (q : 0 .. TABLES - 1) {
            assert(lock[q] == NOBODY && readers[q] == 0 && !stale[q]);
            assert(q == ROOT || stage[q] == POOL || q == MID(0) || q == MID(2) || q == LEAF(0) || q == LEAF(1) ||
                   q == LEAF(2) || q == LEAF(3))
        }
        q = 0
    }
}
