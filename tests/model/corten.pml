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
#define LOCK_OF_REMOVED 8  /* adv: a table is removed with its own lock held */
#define WAIT_EPOCH 9       /* adv: a removed table waits for all epochs */
#define EPOCH_FIRST 10     /* adv: the epoch begins before the walk (full fence) */
#define SEAL_AFTER 11      /* adv: epochs are read after the entry was cleared (full fence) */
#define WAIT_TLB 12        /* a removed table waits for a flush */
#define NUMBER_AFTER 13    /* lazy: the flush's number is read after the entries were cleared */
#define LAND 14            /* who enters a table waits for the write that rides */
#define PARENTS_HELD 15    /* rw: read locks are held until the end */
#define WRITE_LOCK 16      /* rw: the covering table is locked for writing */
#define TWO_PHASE 17       /* all locks are held until everything is written */
#define ASCENDING 18       /* adv: siblings are locked in ascending order. Not needed for anything that is asserted: passes */

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

/* ---- locks; their own models are qlock.pml and rwlock.pml ---- */

/* [qlock] */
#define lock_queue(t) (lock[t] == NOBODY) -> touch(t); lock[t] = ME
/* [rwlock] */
#define lock_read(t) (lock[t] == NOBODY && !waiting[t]) -> touch(t); readers[t]++

inline lock_write(t)
{
    do
    :: atomic { lock[t] == NOBODY && readers[t] == 0 -> touch(t); lock[t] = ME; waiting[t] = false; break }
    :: atomic { (lock[t] != NOBODY || readers[t] != 0) && !waiting[t] -> touch(t); waiting[t] = true }
    od
}

/* ---- the covering table: t of level `level` ---- */

inline cover_adv()
{
    do
    :: atomic { t = ROOT; level = 2 };
       do
       :: level > lowest ->
              atomic {                                               /* [adv_walk] one read without a lock */
                  touch(t);
                  x = E(t, INDEX(low, level));
                  if
                  :: x == NONE -> break
                  :: else -> t = x; level--; x = 0
                  fi
              }
       :: level <= lowest -> break
       od;
       if
       :: BREAK == EPOCH_FIRST -> in_request[id] = true
       :: else -> skip
       fi;
       atomic {
           lock_queue(t);                                            /* [adv_lock] */
           if
           :: stale[t] && BREAK != LOOK_AGAIN -> lock[t] = NOBODY    /* [adv_stale] again */
           :: else -> break
           fi
       }
    od
}

inline cover_rw()
{
    t = ROOT; level = 2;
    do
    :: level > lowest ->
           atomic {                                                  /* [rw_look] without a lock */
               touch(t);
               x = E(t, INDEX(low, level));
               if
               :: x == NONE -> break
               :: else -> skip
               fi
           };
           atomic {                                                  /* [rw_read] [rw_again] */
               lock_read(t);
               if
               :: BREAK != LOOK_AGAIN -> x = E(t, INDEX(low, level))
               :: else -> skip
               fi;
               if
               :: x == NONE -> readers[t]--; break
               :: else -> skip
               fi;
               if
               :: level == 1 -> above = t
               :: else -> skip
               fi;
               if
               :: BREAK == PARENTS_HELD -> readers[t]--
               :: else -> skip
               fi;
               t = x; level--; x = 0
           }
    :: level <= lowest -> break
    od;
    if
    :: BREAK == WRITE_LOCK -> atomic { lock_read(t) }
    :: else -> lock_write(t)                                         /* [rw_write] */
    fi
}

/* [lock_below] Every linked table below the covering one that the range touches: parents first, ascending. Entries of a
 * table whose lock is held do not change, so reading one and waiting for the child's lock is one step. */
inline lock_child(child)
{
    atomic {
        lock_queue(child);
        assert(BREAK == PARENTS_FIRST || BREAK == LOCK_OF_REMOVED || !stale[child]) /* as the C code does */
    }
}

inline lock_below()
{
    q = (BREAK == ASCENDING -> high >> 1 : low >> 1);
    do
    :: q <= high >> 1 && q >= low >> 1 && BREAK != LOCK_OF_REMOVED ->
           m = MID(q);
           if
           :: level == 2 && m != NONE && lock[m] != ME && BREAK != PARENTS_FIRST -> lock_child(m)
           :: else -> skip
           fi;
           if
           :: m != NONE && E(m, q & 1) != NONE -> x = E(m, q & 1); lock_child(x); x = 0
           :: else -> skip
           fi;
           if
           :: level == 2 && m != NONE && (q == high >> 1 || (q & 1)) && BREAK == PARENTS_FIRST -> lock_child(m)
           :: else -> skip
           fi;
           if
           :: BREAK == ASCENDING -> q--
           :: else -> q++
           fi
    :: else -> break
    od;
    atomic { q = 0; m = 0 }
}

/* Unlocking steps commute with all that others do meanwhile: one step. [unlock] */
inline unlock_all()
{
    if
    :: PROTOCOL == ADV ->
           q = low >> 1;
           do
           :: q <= high >> 1 ->
                  m = MID(q);
                  if
                  :: m != NONE && E(m, q & 1) != NONE && E(m, q & 1) != t && lock[E(m, q & 1)] == ME ->
                         lock[E(m, q & 1)] = NOBODY
                  :: else -> skip
                  fi;
                  if
                  :: m != NONE && m != t && lock[m] == ME -> lock[m] = NOBODY
                  :: else -> skip
                  fi;
                  q++
           :: else -> break
           od;
           q = 0; m = 0;
           lock[t] = NOBODY
    :: else ->
           if
           :: BREAK == WRITE_LOCK -> readers[t]--
           :: else -> lock[t] = NOBODY
           fi;
           if
           :: level < 2 && BREAK != PARENTS_HELD -> readers[ROOT]--
           :: else -> skip
           fi;
           if
           :: level < 1 && BREAK != PARENTS_HELD -> readers[above]--
           :: else -> skip
           fi;
           above = 0
    fi
}

/* ---- inside ---- */

/* All locks are there: the range is this transaction's alone, and its covering table is part of the tree. */
inline claim()
{
    d_step {
        assert(LINKED(t, level, low));
        p = low;
        do
        :: p <= high -> assert(owner[p] == NOBODY); owner[p] = ME; p++
        :: else -> break
        od;
        p = 0
    }
}

inline unclaim()
{
    p = low;
    do
    :: p <= high -> owner[p] = NOBODY; p++
    :: else -> break
    od;
    p = 0
}

/* [land] Entering a leaf table: a write that rides must have come, and is then there for good. */
inline land()
{
    q = low >> 1;
    do
    :: q <= high >> 1 ->
           x = LEAF(q);
           if
           :: x != NONE && BREAK != LAND ->
                  atomic { pending[x] == 0 || E(x, pending[x] - 1) != 0 -> pending[x] = 0 }
           :: else -> skip
           fi;
           q++
    :: else -> break
    od;
    atomic { q = 0; x = 0 }
}

/* The transaction sees what the last one left on each of its pages. */
inline settled()
{
    d_step {
        p = low;
        do
        :: p <= high -> assert(PAGE(p) == mapped[p]); p++
        :: else -> break
        od;
        p = 0
    }
}

/* [exchange] The kernel exchanges one entry. */
#define exchange(table, i, value) touch(table); E(table, i) = value

/* [take] A table out of the pool, NONE if there is none; empty, not stale. */
inline take(to, first, last)
{
    d_step {
        to = first;
        do
        :: to <= last && stage[to] != POOL -> to++
        :: else -> break
        od;
        if
        :: to > last -> to = NONE
        :: else ->
               assert(E(to, 0) == 0 && E(to, 1) == 0 && lock[to] == NOBODY && !tlb[to]);
               stage[to] = TAKEN; stale[to] = false; pending[to] = 0;
               if
               :: PROTOCOL == ADV && BREAK != LOCK_BEFORE_LINK -> lock[to] = ME /* [lock_new] */
               :: else -> skip
               fi
        fi
    }
}

/* [link] From now on walkers find it, and TLBs cache the link. */
inline link(parent, i, child)
{
    atomic { exchange(parent, i, child); tlb[child] = true };
    if
    :: PROTOCOL == ADV && BREAK == LOCK_BEFORE_LINK -> atomic { lock_queue(child) }
    :: else -> skip
    fi
}

/* Tables for page p where they are missing, and the page. Without memory the page stays as it is: the reservation fails
 * and nothing is changed. [make] */
inline map_page(page)
{
    if
    :: PAGE(page) == 0 ->
           m = MID(page >> 1); x = NONE;
           if
           :: m == NONE -> take(m, 1, 2); x = m
           :: else -> skip
           fi;
           if
           :: m != NONE && E(m, (page >> 1) & 1) == NONE ->
                  take(q, 3, 5);
                  if
                  :: q != NONE ->
                         if
                         :: x != NONE -> link(ROOT, page >> 2, m)
                         :: else -> skip
                         fi;
                         x = NONE;
                         link(m, (page >> 1) & 1, q)
                  :: else -> skip
                  fi
           :: else -> q = (m != NONE -> E(m, (page >> 1) & 1) : NONE)
           fi;
           if
           :: x != NONE -> d_step { stage[x] = POOL; lock[x] = NOBODY } /* no leaf for it: back, unseen */
           :: else -> skip
           fi;
           if
           :: q != NONE -> atomic { exchange(q, page & 1, 1); mapped[page] = true }
           :: else -> skip
           fi;
           d_step { m = 0; x = 0; q = 0 }
    :: else -> skip
    fi
}

/* [strip] The table is leaving: stale, into the transaction's list. Its lock is held, so are all below. */
#define is_removed(table) gone = gone | 1 << (table); stale[table] = BREAK != STALE_LOCKED

/* Entries of leaf tables are read by nobody who does not own them: those that are cleared together are one step. */
inline unlink_leaf(number_of_leaf)
{
    atomic {
        m = MID(number_of_leaf); x = E(m, (number_of_leaf) & 1); is_removed(x);
        exchange(m, (number_of_leaf) & 1, NONE);                     /* [unlink] */
        exchange(x, 0, 0); exchange(x, 1, 0);
        mapped[2 * (number_of_leaf)] = false; mapped[2 * (number_of_leaf) + 1] = false;
        m = 0; x = 0
    }
}

inline strip_below(i)
{
    x = E(m, i);
    if
    :: x != NONE ->
           is_removed(x);
           if
           :: BREAK == STALE_BELOW -> stale[x] = false
           :: else -> skip
           fi;
           exchange(x, 0, 0); exchange(x, 1, 0)
    :: else -> skip
    fi;
    x = 0
}

inline unlink_mid(number_of_mid)
{
    atomic {
        m = E(ROOT, number_of_mid); is_removed(m);
        strip_below(0);
        strip_below(1);
        mapped[4 * (number_of_mid)] = false; mapped[4 * (number_of_mid) + 1] = false;
        mapped[4 * (number_of_mid) + 2] = false; mapped[4 * (number_of_mid) + 3] = false;
        exchange(ROOT, number_of_mid, NONE)
    };
    atomic { exchange(m, 0, NONE) };
    atomic { exchange(m, 1, NONE); m = 0 }
}

inline unmap()
{
    p = low;
    do
    :: p > high -> break
    :: p <= high && (p & 3) == 0 && p + 3 <= high && MID(p >> 1) != NONE -> unlink_mid(p >> 2); p = p + 4
    :: p <= high && (p & 1) == 0 && p + 1 <= high && !((p & 3) == 0 && p + 3 <= high && MID(p >> 1) != NONE) ->
           if
           :: LEAF(p >> 1) != NONE -> unlink_leaf(p >> 1)
           :: else -> skip
           fi;
           p = p + 2
    :: p <= high && ((p & 1) || p + 1 > high) ->
           if
           :: PAGE(p) != 0 -> atomic { exchange(LEAF(p >> 1), p & 1, 0); mapped[p] = false } /* [clear] */
           :: else -> skip
           fi;
           p++
    od;
    p = 0
}

/* ---- flushes, and the life after removal ---- */

/* Numbers of flushes that are done are as good as 0, and only differences matter: kept small, so that equal situations are
 * equal states. Changes nothing that can happen. */
inline normalise()
{
    q = 0;
    do
    :: q < TABLES -> number[q] = (number[q] < done -> 0 : number[q] - done + 1); q++
    :: else -> break
    od;
    q = 0;
    do
    :: q < WORKERS ->
           early[q] = (early[q] < done -> 0 : early[q] - done + 1);
           flushing[q] = (flushing[q] < done -> 0 : flushing[q] - done + 1);
           q++
    :: else -> break
    od;
    q = 0;
    started = started - done + 1; done = 1
}

/* [flush] All harts drop what they cached; links that can still be reached are cached again at once. Its number is taken
 * before, and it counts as done after. */
inline flush()
{
    d_step { flushing[id] = started; started++ };
    d_step {
        q = 1;
        do
        :: q < TABLES ->
               tlb[q] = (E(ROOT, 0) == q || E(ROOT, 1) == q ||
                         (E(ROOT, 0) != NONE && (E(E(ROOT, 0), 0) == q || E(E(ROOT, 0), 1) == q)) ||
                         (E(ROOT, 1) != NONE && (E(E(ROOT, 1), 0) == q || E(E(ROOT, 1), 1) == q)));
               q++
        :: else -> break
        od;
        done = (done < flushing[id] + 1 -> flushing[id] + 1 : done);
        flushing[id] = 0;
        normalise()
    }
}

/* [retire] Removed tables: unlocked, into the open list, with the number of the flush that they wait for. */
inline retire()
{
    d_step {
        if
        :: FLUSH == LAZY && BREAK != NUMBER_AFTER -> early[id] = started /* [generation] */
        :: FLUSH == NOW -> early[id] = 0
        :: else -> skip
        fi
    };
    d_step {
        q = 1;
        do
        :: q < TABLES ->
               if
               :: (gone & 1 << q) ->
                      assert(E(q, 0) == 0 && E(q, 1) == 0 && pending[q] == 0);
                      if
                      :: PROTOCOL == ADV && BREAK != LOCK_OF_REMOVED -> assert(lock[q] == ME); lock[q] = NOBODY
                      :: else -> skip
                      fi;
                      number[q] = early[id]; limbo[q] = ME; stage[q] = OPEN
               :: else -> skip
               fi;
               q++
        :: else -> break
        od;
        q = 0; early[id] = 0
    };
    if
    :: BREAK == STALE_LOCKED ->
           d_step {
               q = 1;
               do
               :: q < TABLES -> stale[q] = stale[q] || (gone & 1 << q); q++
               :: else -> break
               od;
               q = 0
           }
    :: else -> skip
    fi;
    gone = 0
}

/* [recycle] Back to the pool. */
inline recycle(table)
{
    assert(!tlb[table]);
    stage[table] = POOL; limbo[table] = NOBODY; number[table] = 0; stale[table] = false
}

inline move_list(from, to)
{
    d_step {
        q = 1;
        do
        :: q < TABLES ->
               if
               :: limbo[q] == ME && stage[q] == from -> stage[q] = to
               :: else -> skip
               fi;
               q++
        :: else -> break
        od;
        q = 0
    }
}

#define IN(list)                                                                                                       \
    ((limbo[1] == ME && stage[1] == list) || (limbo[2] == ME && stage[2] == list) ||                                   \
     (limbo[3] == ME && stage[3] == list) || (limbo[4] == ME && stage[4] == list) ||                                   \
     (limbo[5] == ME && stage[5] == list))
#define WAITS(q) (limbo[q] == ME && stage[q] == PASSED && number[q] >= done)

/* [release] Tables that nobody walks any more, whose flush is done. */
inline release()
{
    d_step {
        q = 1;
        do
        :: q < TABLES ->
               if
               :: limbo[q] == ME && stage[q] == PASSED && (done > number[q] || BREAK == WAIT_TLB) -> recycle(q)
               :: else -> skip
               fi;
               q++
        :: else -> break
        od;
        q = 0
    }
}

/* [seal] Notes who is in a request: one after the other, as the code reads the epochs. */
inline make_seal()
{
    move_list(OPEN, SEALED);
    if
    :: BREAK == SEAL_AFTER -> skip
    :: else ->
           q = 0;
           do
           :: q < WORKERS -> atomic { seal[id] = seal[id] | (in_request[q] << q); q++ }
           :: else -> break
           od;
           q = 0
    fi
}

/* [advance] Outside of any request of this worker. */
inline advance(flush_too)
{
    if
    :: IN(SEALED) && (seal[id] == 0 || BREAK == WAIT_EPOCH) -> move_list(SEALED, PASSED)
    :: else -> skip
    fi;
    if
    :: (flush_too) && BREAK != WAIT_TLB && (WAITS(1) || WAITS(2) || WAITS(3) || WAITS(4) || WAITS(5)) -> flush()
    :: else -> skip
    fi;
    release();
    if
    :: !IN(SEALED) && IN(OPEN) -> make_seal()
    :: else -> skip
    fi
}

/* [begin] */
inline begin_request()
{
    if
    :: BREAK == EPOCH_FIRST -> skip
    :: else -> in_request[id] = true
    fi;
    if
    :: BREAK == SEAL_AFTER -> /* what the seal of this request's end will note, read before its entries are cleared */
           d_step {
               q = 0;
               do
               :: q < WORKERS -> seal[id] = seal[id] | ((q != id && in_request[q]) << q); q++
               :: else -> break
               od;
               q = 0
           }
    :: else -> skip
    fi
}

/* [end] Whoever waits for this request has waited. */
inline end_request()
{
    d_step {
        in_request[id] = false;
        q = 0;
        do
        :: q < WORKERS -> seal[q] = seal[q] & ~(1 << id); q++
        :: else -> break
        od;
        q = 0
    }
}

/* ---- a worker ---- */

proctype worker(byte id; byte job)
{
    byte what, low, high, lowest, level, t, above, x, m, p, gone, ride, jobs;
    short q;
    bool force;

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
