/* Model: removal of a capability against look-ups on other harts (kernel/cap.h, cap.c, ipi.c, cdt.c, sched.c).
 *
 * Hart 0 removes the last capability of an object, waits (quiesce), finalises it, and puts another capability into the
 * slot, to an object that may stand in the same memory. The others enter the kernel, look the slot up, use what they
 * found, may send a request with it to another hart, leave, idle. Each ROUNDS times.
 *
 * What is asserted
 *   one capability  a look-up never combines words of two (slot_read)
 *   no dead object  nobody uses an object that has been finalised: neither who looked it up, nor who was sent it (use)
 *   no deadlock     in every state without a successor all harts have ended
 *
 * Spin's memory is sequentially consistent: what the two fences of the slot do on RISC-V is not modelled (each is what
 * makes two lines of slot_read or slot_write follow each other here). The fences between `idle` and the slot are: what
 * happens without them, a load before an earlier store, is one of the BREAKs.
 */
#define NOTHING 0
#define SECOND_LOOK 1 /* a reader looks at the number again after the words */
#define ODD 2         /* the number is odd while the words change */
#define QUIESCE 3     /* removal waits for all harts */
#define TWICE 4       /* and once more, for what they had sent on */
#define IDLE_EMPTY 5  /* an idle hart is passed over only if its box is empty */
#define IDLE_FENCE 6  /* a hart that wakes: idle = 0 before it reads slots (full fence) */
#define ASK_FENCE 7   /* the remover: slot emptied before it reads `idle` (full fence) */
#define HOLD_NOTHING 8 /* a hart serves its box only where it holds no pointer */
#define DONE_LAST 9   /* `done` is stored after the requests were carried out */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef HARTS
#define HARTS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

#define NULL_OBJECT 0
#define OLD 1
#define NEW 2

/* The slot: w1 always belongs to w0. Old and new capability differ in both. */
byte seq;
byte w0 = OLD, w1 = OLD;
bool alive[3];

/* Boxes; changed under box.lock, so in one step each. */
byte posted[HARTS], done[HARTS];
bool carries[HARTS]; /* a request in it names the old object */
bool idle[HARTS];
byte ended;

#define PENDING(h) (posted[h] != done[h])

#define use(object) assert(alive[object])

/* [serve] */
inline serve(h)
{
    do
    :: atomic {
           PENDING(h) ->
               taken = posted[h]; carried = carries[h]; carries[h] = false;
               if
               :: BREAK == DONE_LAST -> done[h] = taken
               :: else -> skip
               fi
       };
       atomic {
           if
           :: carried -> use(OLD)
           :: else -> skip
           fi;
           done[h] = taken; taken = 0; carried = false
       }
    :: atomic { !PENDING(h) -> break }
    od
}

/* [slot_read] Every access one step. */
inline slot_read()
{
    do
    :: before = seq;
       if
       :: before % 2 == 1 -> found = NULL_OBJECT; break
       :: else -> skip
       fi;
       found = w0;
       word1 = w1;
       if
       :: seq == before || BREAK == SECOND_LOOK -> break
       :: else -> skip
       fi
    od;
    atomic { assert(found == NULL_OBJECT || word1 == found); before = 0; word1 = 0 }
}

/* [slot_write] */
inline slot_write(object)
{
    if
    :: BREAK != ODD -> seq++
    :: else -> skip
    fi;
    w0 = object;
    w1 = object;
    if
    :: BREAK != ODD -> seq++
    :: else -> seq = seq + 2
    fi
}

/* [wait] Until hart `to` has served up to the ticket; meanwhile this hart serves its own box. */
inline wait_for(me, to, ticket)
{
    do
    :: atomic { done[to] >= ticket -> break }
    :: PENDING(me) -> serve(me)
    od
}

/* [post] */
inline post_nothing(to, ticket)
{
    atomic { posted[to]++; ticket = posted[to] }
}

/* [quiesce_once] [outside] */
inline quiesce_once()
{
    h = 1;
    do
    :: h < HARTS ->
           seen_idle = (BREAK == ASK_FENCE -> early_idle[h] : idle[h]);
           if
           :: seen_idle && (BREAK == IDLE_EMPTY || !PENDING(h)) -> skip
           :: else -> post_nothing(h, ticket[h])
           fi;
           seen_idle = false;
           h++
    :: else -> break
    od;
    h = 1;
    do
    :: h < HARTS -> wait_for(0, h, ticket[h]); ticket[h] = 0; h++
    :: else -> break
    od;
    h = 0
}

proctype remover()
{
    byte h, taken, ticket[HARTS];
    bool carried, seen_idle, early_idle[HARTS];

    if
    :: BREAK == ASK_FENCE -> /* what the later load of `idle` may have got where no fence orders it */
           h = 1;
           do
           :: h < HARTS -> early_idle[h] = idle[h] && !PENDING(h); h++
           :: else -> break
           od;
           h = 0
    :: else -> skip
    fi;
    slot_write(NULL_OBJECT);                                         /* [remove] step 1 */
    if                                                               /* [drain] step 2 */
    :: BREAK == QUIESCE -> skip
    :: BREAK == TWICE -> quiesce_once()
    :: else -> quiesce_once(); quiesce_once()
    fi;
    serve(0);
    alive[OLD] = false;                                              /* [finalise] step 3 */
    alive[NEW] = true;
    slot_write(NEW);
    ended++;
end:
    do
    :: PENDING(0) -> serve(0)
    od
}

/* [enter] A system call: look up, use, perhaps send on, leave. The use is a step of its own. */
inline enter_kernel()
{
    slot_read();
    if
    :: BREAK == HOLD_NOTHING && PENDING(id) -> serve(id)
    :: else -> skip
    fi;
    if
    :: found != NULL_OBJECT ->
           use(found);
           if
           :: found == OLD ->                                        /* [send_on] a wake-up or a call */
                  other = (id == 1 -> 2 : 1);
                  atomic { posted[other]++; carries[other] = true; ticket = posted[other] };
                  if                                                 /* a call waits and serves, a wake-up does not */
                  :: found = NULL_OBJECT; wait_for(id, other, ticket)
                  :: skip
                  fi;
                  other = 0; ticket = 0
           :: skip
           fi
    :: else -> skip
    fi;
    found = NULL_OBJECT
}

/* [idle] Flag around the wait alone. Where the hart goes on it may look up at once: an interrupt's binding. */
inline idle_round()
{
    idle[id] = true;
    if                                                               /* wfi: until a request or another interrupt */
    :: PENDING(id) -> skip
    :: skip
    fi;
    if
    :: BREAK == IDLE_FENCE ->                                        /* the slot read before the store is seen */
           slot_read();
           idle[id] = false;
           serve(id);
           if
           :: found != NULL_OBJECT -> use(found)
           :: else -> skip
           fi;
           found = NULL_OBJECT
    :: else ->
           idle[id] = false;
           serve(id);
           enter_kernel()
    fi
}

proctype hart(byte id)
{
    byte before, found, word1, taken, other, ticket, rounds;
    bool carried;

    do
    :: rounds < ROUNDS ->
           rounds++;
           if
           :: enter_kernel()
           :: true -> idle_round()
           fi
    :: rounds == ROUNDS -> break
    :: PENDING(id) -> serve(id)                                      /* interrupted in user mode */
    od;
    ended++;
end:
    do
    :: PENDING(id) -> serve(id)
    od
}

init {
    byte h;
    atomic {
        alive[OLD] = true;
        run remover();
        for (h : 1 .. HARTS - 1) {
            run hart(h)
        }
        h = 0
    }
    ended == HARTS
}
