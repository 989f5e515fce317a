/* Model: flushing an address space on the harts that may hold its translations (kernel/shootdown.c, vspace.c, ipi.c, sched.c).
 *
 * Hart 0 clears an entry and flushes, with waiting, or on its own where it is alone with the space. Hart 1 switches to the
 * space, runs user code in it, leaves it, idles; ROUNDS times. ASIDs are used: leaving a space flushes nothing.
 *
 * What is asserted
 *   once the flush has returned, user code of the space reaches the page no more (access), nor can hart 0
 *   no deadlock: a hart in user code serves its box only when it is interrupted
 *
 * The full fences that order a store before a later load are rules here: without one, the load is made first.
 */
#define NOTHING 0
#define SWITCH_FENCE 1 /* a hart sets its bit in the mask before it walks the tables */
#define MASK_FENCE 2   /* the flusher reads the mask after it has written the entry */
#define SPARE_FENCE 3  /* the flusher reads `idle` after it has posted */
#define WAKE_FENCE 4   /* a hart that wakes reads its box after it has stored idle = 0 */
#define SERVE_FIRST 5  /* a hart that wakes serves its box before it runs user code */
#define BIT_STAYS 6    /* the bit stays when the hart leaves the space: its TLB still holds translations */
#define FLUSH_WAIT 7   /* a hart that is not spared is waited for */
#define BURST_FIRST 8  /* interrupts that were gathered are sent before anybody is waited for */
#define ALONE_FENCE 9  /* who looks whether it is alone reads the mask after it has written the entry */
#define ALONE_MASK 10  /* it is alone only if the mask says so */
#define ALONE_LOCAL 11 /* and then flushes its own TLB */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif

bool entry = true; /* the page is mapped */
bool own = true;   /* hart 0 holds a translation made of it */
bool tlb;          /* hart 1 does */
bool marked;       /* bit of hart 1 in the mask of the space */
bool idle;
byte posted, done;
bool interrupted;  /* box: somebody has undertaken to interrupt hart 1 since it last looked */
bool sent;         /* the interrupt is there */
bool flushed;      /* ghost: the flush has returned */

#define PENDING (posted != done)

/* [serve] [flush_local] */
inline serve()
{
    do
    :: atomic { PENDING -> taken = posted; sent = false; interrupted = false };
       atomic { tlb = entry && tlb; done = taken; taken = 0 }
    :: atomic { !PENDING -> break }
    od
}

inline walk()
{
    atomic {
        if
        :: entry -> tlb = true
        :: else -> skip
        fi
    }
}

/* [switch] */
inline switch_to_space()
{
    if
    :: BREAK == SWITCH_FENCE && !marked -> walk(); marked = true
    :: else -> marked = true
    fi
}

/* [user] The MMU walks and caches when it likes, the program reaches the page through what is cached. */
inline run_user_code()
{
    do
    :: walk()
    :: atomic { tlb -> assert(!flushed) }
    :: sent -> sent = false; serve()                                 /* interrupted */
    :: true -> break
    od
}

/* [idle] */
inline go_idle()
{
    idle = true;
    if                                                               /* wfi */
    :: PENDING -> skip
    :: true -> skip
    fi;
    if
    :: BREAK == WAKE_FENCE -> was_pending = PENDING; idle = false
    :: else -> idle = false; was_pending = PENDING
    fi;
    if
    :: was_pending && BREAK != SERVE_FIRST -> serve()
    :: else -> skip
    fi;
    was_pending = false
}

proctype hart()
{
    byte taken, rounds;
    bool was_pending;

    do
    :: rounds < ROUNDS ->
           rounds++;
           switch_to_space();
           run_user_code();
           if
           :: BREAK == BIT_STAYS -> marked = false
           :: else -> skip
           fi;
           if
           :: go_idle()
           :: true -> skip
           fi
    :: rounds == ROUNDS -> break
    od;
end:
    do
    :: sent -> sent = false; serve()
    od
}

/* [alone] */
inline shootdown_alone()
{
    if
    :: BREAK == ALONE_FENCE -> alone = !marked; entry = false
    :: BREAK == ALONE_MASK -> entry = false; alone = true
    :: else -> entry = false; alone = !marked
    fi;
    if
    :: alone && BREAK != ALONE_LOCAL -> own = entry && own
    :: else -> skip
    fi
}

/* [range] */
inline shootdown_range()
{
    if
    :: BREAK == MASK_FENCE -> in_mask = marked; entry = false
    :: else -> entry = false; in_mask = marked
    fi;
    own = entry && own;
    if
    :: in_mask ->
           if                                                        /* [box_close] */
           :: BREAK == SPARE_FENCE -> spared = idle; atomic { posted++; ticket = posted }
           :: else -> atomic { posted++; ticket = posted }; spared = idle
           fi;
           atomic { interrupt = !spared && !interrupted; interrupted = interrupted || interrupt };
           if                                                        /* [burst] */
           :: interrupt && BREAK != BURST_FIRST -> sent = true
           :: else -> skip
           fi;
           if
           :: spared || BREAK == FLUSH_WAIT -> skip
           :: else -> done >= ticket                                 /* [wait] */
           fi
    :: else -> skip
    fi
}

proctype flusher()
{
    bool in_mask, spared, alone, interrupt;
    byte ticket;

    if
    :: true -> shootdown_alone()
    :: true -> skip
    fi;
    if
    :: !alone -> shootdown_range()
    :: else -> skip
    fi;
    atomic { flushed = true; assert(!own) }
}

init {
    atomic { run hart(); run flusher() }
}
