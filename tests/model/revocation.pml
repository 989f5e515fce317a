/* Model: revocation of a frame against page-table writes (kernel/cdt.c, cnode.c, memory.c, ptwrite.c, shootdown.c).
 *
 *     hart 0   revokes the frame; its search through the tables may be interrupted, and starts again
 *     hart 1   writes entries of both tables in batches: maps the frame, if its capability is still there, or a frame of
 *              its own; or changes rights of what is mapped. Between kernel entries it runs user code
 *     hart 2   runs user code, whose translations may be any that the tables ever showed
 *     hart 3   (-DMODE=REVOKE) derives a new capability for hart 1 while the search is interrupted; (-DMODE=RETYPE) there
 *              is nothing left to derive it from
 *
 * Two tables of one entry each: the search has a before and an after. Every access to an entry is one step.
 *
 * What is asserted
 *   RETYPE   all capabilities went. When the memory's type changes no entry and no TLB refers to it, and none does later
 *   REVOKE   the original stays. When the call returns, nothing that was mapped through a capability that it took away is
 *            mapped, in tables or TLBs, and no batch under way will map it
 *   both     entries of other frames are left alone (kept); no deadlock
 */
#define NOTHING 0
#define QUIESCE 1      /* batches that were decoded before the capability went are over before the search begins */
#define SCAN_CAS 2     /* the search clears an entry only if it still is what it read */
#define PROTECT_CAS 3  /* changing rights writes only if the entry still is what it read */
#define FLUSH 4        /* all harts flush before the call ends */
#define FLUSH_WAIT 5   /* and have done it */
#define FLUSH_AFTER 6  /* after the search */
#define DECODE_AGAIN 7 /* every kernel entry looks its capabilities up for itself */
#define VERSION 8      /* an interrupted search goes on only if no capability was derived meanwhile */

#ifndef BREAK
#define BREAK NOTHING
#endif
#define RETYPE 1
#define REVOKE 2
#ifndef MODE
#define MODE RETYPE
#endif
#ifndef BATCHES
#define BATCHES 2
#endif

#define TABLES 2
#define HARTS 3

#define NONE 0
#define FRAME 1 /* the frame that is revoked */
#define OTHER 2
#define RIGHTS 4 /* added to either: other rights */
#define TO_FRAME(value) ((value) == FRAME || (value) == FRAME + RIGHTS)

byte entry[TABLES];
byte kept[TABLES];        /* ghost: an entry of another frame that must be there; NONE: none */
bool tlb[HARTS * TABLES]; /* the hart may hold a translation to the frame that it got from that table */
#define TLB(hart, table) tlb[TABLES * (hart) + (table)]

bool capability = true;   /* hart 1's, derived */
bool original = true;
byte version;             /* of the original's slot */
bool cspace;              /* the lock */
bool asked[HARTS], flush_asked[HARTS], served[HARTS];
bool interrupted;         /* the search is, just now */
bool over;                /* the call has returned; or the memory is something else now */

/* [exchange] From now on it may be in any TLB. */
inline in_tlbs(table)
{
    if
    :: TO_FRAME(entry[table]) -> TLB(1, table) = true; TLB(2, table) = true; TLB(0, table) = true
    :: else -> skip
    fi
}

/* [flush_local] What is still mapped is cached again at once. */
inline flush_local(hart)
{
    t = 0;
    do
    :: t < TABLES -> TLB(hart, t) = TO_FRAME(entry[t]); t++
    :: else -> break
    od;
    t = 0
}

/* [serve] */
inline serve(hart)
{
    atomic {
        if
        :: flush_asked[hart] -> flush_local(hart)
        :: else -> skip
        fi;
        asked[hart] = false; flush_asked[hart] = false; served[hart] = true
    }
}

/* ---- hart 1 ---- */

inline write_map(table, value)
{
    atomic {
        assert(!over || value != FRAME);                             /* nothing that was taken away is mapped any more */
        entry[table] = value; kept[table] = (value == OTHER -> OTHER : NONE); in_tlbs(table)
    }
}

/* [protect] */
inline write_protect(table)
{
    do
    :: atomic { old = entry[table] };
       if
       :: old == NONE || old >= RIGHTS -> break
       :: else -> skip
       fi;
       atomic {
           if
           :: entry[table] == old || BREAK == PROTECT_CAS ->
                  entry[table] = old + RIGHTS; kept[table] = (old == OTHER -> OTHER + RIGHTS : NONE); in_tlbs(table); break
           :: else -> skip
           fi
       }
    od;
    old = NONE
}

proctype writer()
{
    byte batches, old, t;
    bool found, frame_has;

    do
    :: batches < BATCHES ->                                          /* [batch] decode everything, then write */
           batches++;
           if
           :: BREAK == DECODE_AGAIN && frame_has -> skip
           :: else -> frame_has = capability                         /* [decode] */
           fi;
           if
           :: frame_has -> write_map(0, FRAME); write_map(1, FRAME)
           :: frame_has -> write_map(1, FRAME)
           :: write_map(0, OTHER)
           :: write_map(1, OTHER)
           :: write_protect(0)
           :: write_protect(1)
           fi;
           if
           :: BREAK != DECODE_AGAIN -> frame_has = false
           :: else -> skip
           fi
    :: asked[1] || flush_asked[1] -> serve(1)
    :: batches == BATCHES -> break
    od;
end:
    do
    :: asked[1] || flush_asked[1] -> serve(1)
    od
}

proctype runner()
{
    byte t;
end:
    do
    :: asked[2] || flush_asked[2] -> serve(2)
    od
}

/* ---- hart 3: somebody else who may reach the original ---- */

proctype deriver()
{
end:
    atomic { interrupted && original && !cspace -> cspace = true };
    atomic {
        capability = true;
        if
        :: BREAK != VERSION -> version++                             /* [derive] */
        :: else -> skip
        fi;
        cspace = false
    }
}

/* ---- hart 0 ---- */

inline ask_all(is_flush)
{
    atomic {
        served[1] = false; served[2] = false;
        asked[1] = true; asked[2] = true;
        flush_asked[1] = is_flush; flush_asked[2] = is_flush
    }
}

inline flush_everything()                                            /* [flush_everything] */
{
    if
    :: BREAK != FLUSH ->
           atomic { flush_local(0) };
           ask_all(true);
           if
           :: BREAK != FLUSH_WAIT -> served[1] && served[2]
           :: else -> skip
           fi
    :: else -> skip
    fi
}

/* [clear_table] */
inline clear_table(table)
{
    do
    :: value = entry[table];
       if
       :: !TO_FRAME(value) -> break
       :: else -> skip
       fi;
       atomic {
           if
           :: entry[table] == value || BREAK == SCAN_CAS ->
                  entry[table] = NONE;
                  break
           :: else -> skip
           fi
       }
    od;
    value = NONE
}

/* [unmap] One call; `again`: it was interrupted and starts again. */
inline memory_unmap()
{
    again = false;
    if
    :: scan_version != version + 1 ->
           if
           :: BREAK != QUIESCE -> ask_all(false); served[1] && served[2]
           :: else -> skip
           fi;
           scan_version = version + 1; scan_next = 0;
           if
           :: BREAK == FLUSH_AFTER -> flush_everything()
           :: else -> skip
           fi
    :: else -> skip
    fi;
    if
    :: scan_next == 0 ->
           clear_table(0);
           if
           :: scan_next = 1; again = true                            /* [interrupt] */
           :: true -> skip
           fi
    :: else -> skip
    fi;
    if
    :: !again ->
           clear_table(1);
           scan_version = 0;
           if
           :: BREAK != FLUSH_AFTER -> flush_everything()
           :: else -> skip
           fi
    :: else -> skip
    fi
}

proctype revoker()
{
    byte value, t, scan_version, scan_next, interrupts;
    bool again;

    do
    :: atomic { !cspace -> cspace = true };
       atomic {
           capability = false;                                       /* [revoke] */
           original = original && MODE == REVOKE
       };
       memory_unmap();
       if
       :: !again -> break
       :: else -> skip
       fi;
       interrupts++;
       atomic { interrupted = (interrupts < 3); cspace = false };
       /* anything may happen here */
       interrupted = false
    od;
    over = true;
    for (t : 0 .. TABLES - 1) {
        assert(!TO_FRAME(entry[t]) && !TLB(0, t) && !TLB(1, t) && !TLB(2, t))
    }
    cspace = false;
    timeout;
    for (t : 0 .. TABLES - 1) {
        assert(!TO_FRAME(entry[t]) && !TLB(0, t) && !TLB(1, t) && !TLB(2, t));
        assert(kept[t] == NONE || entry[t] == kept[t])
    }
}

init {
    atomic {
        if
        :: entry[0] = FRAME; in_tlbs(0)
        :: true -> skip
        fi;
        run revoker();
        run writer();
        run runner();
        if
        :: MODE == REVOKE -> run deriver()
        :: else -> skip
        fi
    }
}
