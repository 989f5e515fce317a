/* Model: writes that ride, stamps, and frames in limbo (mmserver/corten/ride.h, leaf.h, flush.h): one leaf table of two
 * pages, WORKERS workers with JOBS requests each, policy LAZY. corten.pml has the tables and locks around it.
 *
 * A request is any of: a fault, unmapping one page or both, giving rights or taking them away. Each does its writes with the
 * lock held, or leaves them to the kernel, which writes them after the request has ended, or refuses them.
 *
 * What is asserted
 *   no lost update   what a transaction finds in the entries is what the last one left there (settled)
 *   no old frame     a page is not mapped while a TLB may show another frame at its address (exchange_map)
 *   no early reuse   a frame is not taken out of the pool while a TLB may lead to it (take_frame)
 *   rights           when a transaction that took rights away unlocks, no TLB has them
 *   no deadlock      nobody waits for a ride for ever
 *
 * TLBs cache at once all that is valid, and lose it by a flush alone.
 */
#define NOTHING 0
#define LAND 1           /* who owns the table waits for the ride before it reads entries */
#define LAND_ALL 2       /* until the last entry is written, and all of them where rights change */
#define STAMP_SEEN 3     /* who lands a clear reads the number of its stamp after it has seen the entries clear */
#define STAMP_OWN 4      /* a worker stamps what its own ride has cleared, too */
#define NUMBER_SEEN 5    /* frames get their number when the ride that cleared their entries is over */
#define ASK_STAMP 6      /* who maps asks whether the flush of the stamp is done */
#define RESTAMP 7        /* without a ride: a flush that started before the entries were written does not count */
#define LOSE_FLUSH 8     /* rights are taken away with the lock held, and flushed before it is dropped */
#define EARLY_NUMBER 9   /* a flush for the limbos takes its number like any other: it raises `started` */
#define DONE_AFTER 10    /* a flush counts as done when it is over */
#define REFUSED_TELLS 11 /* a rider whose writes are refused takes its mark away */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef JOBS
#define JOBS 3
#endif
#ifndef MENU
#define MENU 127 /* bits: what a request may be */
#endif
#define FRAMES 4
#define NOBODY 0
#define ME (id + 1)
#define NOT_YET 255

mtype = { NONE, MAP, CLEAR, PROTECT };

byte entry[2];      /* frame + 1; 0: invalid */
byte rights[2];     /* 1: read, 2: write too; valid entries alone */
byte stamp[2];      /* of the page's word: number + 1; 0: none */
byte lock;          /* queue lock; its insides are in qlock.pml */
mtype op = NONE;    /* `pending` of the table's descriptor: the run, */
byte first, last, wanted;
byte who;           /* and whose it is */
byte holder[FRAMES]; /* limbo: the worker whose it is in; else NOBODY */
byte number[FRAMES];
bool in_pool[FRAMES];
byte started, done;
byte old_tlb[2];    /* ghost: bits, frames that a TLB may show at the address */
bool write_tlb[2];  /* ghost: a TLB may let the page be written */
byte left[2], left_rights[2]; /* ghost: what the last transaction left */

#define HAS(p) (entry[p] != 0)
#define LANDED                                                                                                         \
    (op == NONE || (op == MAP && HAS(last)) ||                                                                         \
     (op == CLEAR && !HAS((BREAK == LAND_ALL -> first : last))) ||                                                       \
     (op == PROTECT && rights[first] == wanted && (BREAK == LAND_ALL || rights[last] == wanted)))

/* [exchange] */
inline exchange_map(page, f)
{
    atomic {
        assert(old_tlb[page] == 0);
        entry[page] = f + 1; rights[page] = 1; old_tlb[page] = 1 << (f)
    }
}

#define exchange_clear(page) atomic { entry[page] = 0; rights[page] = 0 }
#define exchange_rights(page, r) atomic { rights[page] = r; write_tlb[page] = write_tlb[page] || r == 2 }

/* [flush] The whole space. Its number n has been taken. */
inline run_flush(n)
{
    if
    :: BREAK == DONE_AFTER -> done = (done > n -> done : n + 1)
    :: else -> skip
    fi;
    d_step {
        old_tlb[0] = (HAS(0) -> 1 << (entry[0] - 1) : 0); write_tlb[0] = rights[0] == 2;
        old_tlb[1] = (HAS(1) -> 1 << (entry[1] - 1) : 0); write_tlb[1] = rights[1] == 2
    };
    d_step { done = (done > n -> done : n + 1); n = 0 }
}

inline flush()
{
    d_step { mine = started; started++ };
    run_flush(mine)
}

/* [stamp] The page is about to be mapped: is its old translation gone? The lock is held. */
inline before_map(page)
{
    if
    :: stamp[page] != 0 && done <= stamp[page] - 1 && BREAK != ASK_STAMP -> flush()
    :: else -> skip
    fi
}

/* [take] */
inline take_frame()
{
    d_step {
        f = 0;
        do
        :: f < FRAMES && !in_pool[f] -> f++
        :: else -> break
        od;
        if
        :: f < FRAMES -> in_pool[f] = false; assert(!((old_tlb[0] | old_tlb[1]) & 1 << f))
        :: else -> skip
        fi
    }
}

/* [into_limbo] */
inline into_limbo(page)
{
    holder[entry[page] - 1] = ME; number[entry[page] - 1] = (BREAK == NUMBER_SEEN -> started : NOT_YET)
}

/* [ride_over] The kernel has written: frames that wait for their number get it. */
inline ride_over()
{
    d_step {
        f = 0;
        do
        :: f < FRAMES ->
               if
               :: holder[f] == ME && number[f] == NOT_YET -> number[f] = started
               :: else -> skip
               fi;
               f++
        :: else -> break
        od;
        f = 0
    }
}

/* [pop_done] */
inline pop_done()
{
    d_step {
        f = 0;
        do
        :: f < FRAMES ->
               if
               :: holder[f] == ME && number[f] != NOT_YET && done > number[f] ->
                      holder[f] = NOBODY; number[f] = 0; in_pool[f] = true
               :: else -> skip
               fi;
               f++
        :: else -> break
        od;
        f = 0
    }
}

#define WAITS(f) (holder[f] == ME && number[f] != NOT_YET)

/* [limbo_early] One worker flushes for all whose frames have this number. */
inline limbo_early()
{
    d_step {
        oldest = NOT_YET; f = 0;
        do
        :: f < FRAMES -> oldest = (WAITS(f) && number[f] < oldest -> number[f] : oldest); f++
        :: else -> break
        od;
        f = 0
    };
    if
    :: oldest == NOT_YET -> skip
    :: oldest != NOT_YET ->
           atomic {
               early = (started == oldest);
               started = (early && BREAK != EARLY_NUMBER -> started + 1 : started)
           };
           if
           :: early -> mine = oldest; run_flush(mine)
           :: else -> skip
           fi;
           pop_done()
    fi;
    d_step { oldest = 0; early = false }
}

/* [land] */
inline land()
{
    if
    :: op == NONE || BREAK == LAND -> skip
    :: else ->
           if
           :: BREAK == STAMP_SEEN -> mine = started
           :: else -> skip
           fi;
           atomic { who == ME || LANDED };
           d_step {
               if
               :: BREAK != STAMP_SEEN -> mine = started
               :: else -> skip
               fi;
               if
               :: op == CLEAR && !(BREAK == STAMP_OWN && who == ME) -> stamp[first] = mine + 1; stamp[last] = mine + 1
               :: else -> skip
               fi;
               op = NONE; first = 0; last = 0; wanted = 0; who = NOBODY; mine = 0
           }
    fi
}

inline settled()
{
    assert(entry[0] == left[0] && rights[0] == left_rights[0] && entry[1] == left[1] && rights[1] == left_rights[1])
}

/* [ride] The run is left to the kernel. */
inline ride(what, from, to, r)
{
    op = what; first = from; last = to; wanted = r; who = ME; rides = true; a = from; b = to
}

inline fault(page)
{
    take_frame();
    if
    :: f == FRAMES -> skip
    :: f < FRAMES && HAS(page) -> in_pool[f] = true
    :: f < FRAMES && !HAS(page) ->
           if
           :: stamp[page] == 0 || done > stamp[page] - 1 || BREAK == ASK_STAMP -> /* [fault_rides] */
                  d_step {
                      ride(MAP, page, page, 1); frame = f;
                      left[page] = f + 1; left_rights[page] = 1
                  }
           :: true ->
                  before_map(page);
                  d_step { stamp[page] = 0; left[page] = f + 1; left_rights[page] = 1 };
                  exchange_map(page, f)
           fi
    fi;
    f = 0
}

inline unmap(from, to)
{
    if
    :: HAS(from) && HAS(to) ->
           if
           :: true ->                                                /* [leaf_unmap] */
                  d_step {
                      into_limbo(from);
                      into_limbo(to);
                      stamp[from] = 0; stamp[to] = 0;
                      ride(CLEAR, from, to, 0);
                      left[from] = 0; left[to] = 0; left_rights[from] = 0; left_rights[to] = 0
                  }
           :: true ->                                                /* [unmap_generally] */
                  d_step {
                      mine = started; stamp[from] = mine + 1; stamp[to] = mine + 1;
                      a = entry[from] - 1; b = entry[to] - 1;
                      left[from] = 0; left[to] = 0; left_rights[from] = 0; left_rights[to] = 0
                  };
                  exchange_clear(from);
                  exchange_clear(to);
                  d_step { number[a] = started; number[b] = started; holder[a] = ME; holder[b] = ME; a = 0; b = 0 };
                  d_step {                                           /* [restamp] */
                      if
                      :: started != mine && BREAK != RESTAMP -> stamp[from] = started + 1; stamp[to] = started + 1
                      :: else -> skip
                      fi;
                      mine = 0
                  }
           fi
    :: else -> skip
    fi
}

/* [protect_run] */
inline gain()
{
    if
    :: rights[0] == 1 && rights[1] == 1 ->
           d_step { ride(PROTECT, 0, 1, 2); left_rights[0] = 2; left_rights[1] = 2 }
    :: else -> skip
    fi
}

/* [protect_losing] */
inline lose()
{
    if
    :: rights[0] == 2 && rights[1] == 2 ->
           d_step { left_rights[0] = 1; left_rights[1] = 1 };
           exchange_rights(0, 1);
           exchange_rights(1, 1);
           if
           :: BREAK != LOSE_FLUSH -> d_step { write_tlb[0] = false; write_tlb[1] = false }
           :: else -> skip
           fi;
           assert(!write_tlb[0] && !write_tlb[1])
    :: else -> skip
    fi
}

/* [refused] Without a lock. What the transaction did is taken back. */
inline refused()
{
    d_step {
        if
        :: op == MAP -> in_pool[frame] = true; left[a] = 0; left_rights[a] = 0
        :: op == CLEAR ->
               left[a] = entry[a]; left[b] = entry[b]; left_rights[a] = rights[a]; left_rights[b] = rights[b];
               holder[entry[a] - 1] = NOBODY; holder[entry[b] - 1] = NOBODY;
               number[entry[a] - 1] = 0; number[entry[b] - 1] = 0
        :: op == PROTECT -> left_rights[a] = rights[a]; left_rights[b] = rights[b]
        fi;
        if
        :: BREAK != REFUSED_TELLS -> op = NONE; first = 0; last = 0; wanted = 0; who = NOBODY
        :: else -> skip
        fi
    }
}

/* [riding_write] */
inline write_ride()
{
    rode = op;
    if
    :: rode == MAP -> exchange_map(a, frame)
    :: rode == CLEAR ->
           exchange_clear(a);
           if
           :: b != a -> exchange_clear(b)
           :: else -> skip
           fi
    :: rode == PROTECT -> exchange_rights(a, 2); exchange_rights(b, 2)
    fi;
    rode = NONE
}

proctype worker(byte id)
{
    byte f, mine, oldest, frame, a, b, jobs;
    mtype rode = NONE;
    bool rides, early;

    do
    :: jobs < JOBS ->
           jobs++;
           ride_over();                                              /* [begin] */
           if
           :: true -> limbo_early()
           :: true -> pop_done()
           fi;
           atomic { lock == NOBODY -> lock = ME };
           land();
           settled();
           if
           :: (MENU & 1) -> fault(0)
           :: (MENU & 2) -> fault(1)
           :: (MENU & 4) -> unmap(0, 1)
           :: (MENU & 8) -> unmap(0, 0)
           :: (MENU & 16) -> unmap(1, 1)
           :: (MENU & 32) -> gain()
           :: (MENU & 64) -> lose()
           fi;
           lock = NOBODY;
           if
           :: rides && op != NONE && who == ME ->
                  if
                  :: true -> write_ride()
                  :: true -> refused()
                  fi
           :: else -> skip
           fi;
           d_step { rides = false; frame = 0; a = 0; b = 0 }
    :: else -> break
    od;
    ride_over()
}

init {
    atomic {
        entry[0] = 1; entry[1] = 2; rights[0] = 1; rights[1] = 1;
        left[0] = 1; left[1] = 2; left_rights[0] = 1; left_rights[1] = 1;
        old_tlb[0] = 1; old_tlb[1] = 2;
        in_pool[2] = true; in_pool[3] = true;
        run worker(0);
        run worker(1);
        if
        :: WORKERS == 3 -> run worker(2)
        :: else -> skip
        fi
    }
}
