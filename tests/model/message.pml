/* Model: a message is sent and answered while one of those it concerns is deleted (kernel/ipc.c, fastpath.c, endpoint.c, reply.c,
 * tcb.c).
 *
 * HOMES = APART, the messages go the slow way:
 *     hart 0   deletes one of: the receiver's thread, the sender's thread, the endpoint, the reply object; then its memory
 *              is used again
 *     hart 1   home of the sender: calls through the endpoint, waits for the answer
 *     hart 2   home of the receiver: receives, answers; ROUNDS times
 *
 * Harts 1 and 2 may also suspend their thread while it waits.
 *
 * HOMES = SAME, each message goes the fast way where it can be gone, or the slow one:
 *     hart 0   as above
 *     hart 1   home of both
 *     hart 2   a thread that holds the same capabilities: answers, stands in the reply object itself, sends
 *
 * What is asserted
 *   nobody touches an object whose memory is used again (touch)
 *   a thread is taken out of a queue or a reply object by exactly one (took)
 *   at the end, when nothing moves any more, a thread that waits stands where it can be found: in the queue of an endpoint
 *   that exists, or in a reply object that exists; none is still WAKING, and the deletion is complete
 */
#define NOTHING 0
#define QUIESCE 1        /* after the capability went, look-ups of before are over when the object is finalised */
#define REUSE_QUIESCE 2  /* and once more before the memory is used again */
#define ARRIVE 3         /* a thread that is on its way home is waited for */
#define STATE_AGAIN 4    /* a wait is cancelled only if the thread still waits, looked at under the queue's lock */
#define WAKING_LOCKED 5  /* who takes a thread off a queue makes it WAKING under the lock */
#define EXCHANGE 6       /* a caller is taken out of the reply object by exchange */
#define CANCEL_CAS 7     /* and cancelled by compare-and-swap */
#define DELIVER_FIRST 8  /* the message is read before the caller stands in the reply object */
#define ATTACH_FIRST 9   /* fast: the caller stands in the reply object before the receiver is taken off its queue */
#define ATTACH_CAS 10    /* a caller is put into the reply object by compare-and-swap */
#define ANSWER_CAS 11    /* fast: the caller that was looked at is taken out by compare-and-swap */
#define ANSWER_LOCKED 12 /* fast: it is taken out after the endpoint is locked and was looked at */
#define HOME_HERE 13     /* fast: only a thread at home on this hart gets the hart at once */
#define TAKE_FIRST 14    /* slow: the message of who calls is read before it stands in the reply object */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef TARGETS
#define TARGETS 15 /* bits: what may be deleted */
#endif
#define APART 1
#define SAME 2
#ifndef HOMES
#define HOMES APART
#endif

#define SENDER 1   /* threads, by their home harts */
#define RECEIVER 2
#define ENDPOINT 3
#define REPLY 4
#define OTHER 5    /* the thread of hart 2 where HOMES = SAME */
#define NOBODY 0

mtype = { INACTIVE, READY, BLOCKED_SEND, BLOCKED_RECV, BLOCKED_REPLY, WAKING };
mtype = { EMPTY, SENDERS, RECEIVERS };

mtype state[6];     /* of threads */
bool stop[3];
bool alive[6], capability[5];
bool lock;          /* of the endpoint */
mtype queue;
byte first;         /* the thread in the queue: sender and receiver never wait at once */
byte caller;        /* of the reply object */
bool parked[6];     /* ghost: the thread stands in a queue or reply object, and nobody has taken it */

/* A box for each thread, with its home: wake-ups of the thread, a request to stop it, an empty request. */
bool wake[6], stop_asked[3], nothing_asked[6], stop_arrived;
bool served_nothing[6], served_stop;
byte target;

#define touch(object) assert(alive[object])

#define take_lock() atomic { !lock -> touch(ENDPOINT); lock = true }
#define drop_lock() lock = false

/* Whoever takes a thread must find it there. */
#define took(thread) assert(parked[thread]); parked[thread] = false

/* [unlink] */
#define unlink() first = NOBODY; queue = EMPTY

/* [attach] Two steps: the state first, since whoever finds the thread in the object may act on it. */
inline attach(thread)
{
    touch(thread);
    state[thread] = BLOCKED_REPLY;
    if
    :: BREAK == ATTACH_CAS ->
           touch(REPLY);
           attached = (caller == NOBODY);
           if
           :: attached -> atomic { caller = thread; parked[thread] = true }
           :: else -> skip
           fi
    :: else ->
           atomic {
               touch(REPLY);
               attached = (caller == NOBODY);
               if
               :: attached -> caller = thread; parked[thread] = true
               :: else -> skip
               fi
           }
    fi
}

/* [reply_take] */
inline reply_take(who)
{
    if
    :: BREAK == EXCHANGE ->
           touch(REPLY);
           who = caller;
           if
           :: who != NOBODY -> atomic { took(who); caller = NOBODY }
           :: else -> skip
           fi
    :: else ->
           atomic {
               touch(REPLY);
               who = caller; caller = NOBODY;
               if
               :: who != NOBODY -> took(who)
               :: else -> skip
               fi
           }
    fi
}

/* [cancel_queue] */
inline endpoint_cancel(thread)
{
    take_lock();
    here = (state[thread] == BLOCKED_SEND || state[thread] == BLOCKED_RECV || BREAK == STATE_AGAIN);
    if
    :: here -> atomic { took(thread); unlink(); state[thread] = INACTIVE }
    :: else -> skip
    fi;
    drop_lock()
}

/* [cancel_reply] */
inline reply_cancel(thread)
{
    if
    :: BREAK == CANCEL_CAS ->
           touch(REPLY);
           here = (caller == thread);
           if
           :: here -> atomic { took(thread); caller = NOBODY }
           :: else -> skip
           fi
    :: else ->
           atomic {
               touch(REPLY);
               here = (caller == thread);
               if
               :: here -> took(thread); caller = NOBODY
               :: else -> skip
               fi
           }
    fi;
    if
    :: here -> state[thread] = INACTIVE
    :: else -> skip
    fi
}

/* [stop] On the thread's home hart. */
inline tcb_stop(thread)
{
    touch(thread);
    was = state[thread];
    if
    :: was == READY -> state[thread] = INACTIVE
    :: was == INACTIVE -> skip
    :: was == BLOCKED_SEND || was == BLOCKED_RECV -> endpoint_cancel(thread)
    :: was == BLOCKED_REPLY -> reply_cancel(thread)
    :: was == WAKING -> here = false
    fi;
    if
    :: was != READY && was != INACTIVE && here -> stop[thread] = false
    :: was != READY && was != INACTIVE && !here -> stop[thread] = true
    :: else -> skip
    fi;
    here = false; was = INACTIVE
}

/* [serve] Requests of the hart whose thread is `me`: the wake-up, then the others. */
#define PENDING(me) (wake[me] || stop_asked[me] || nothing_asked[me])
inline serve(me)
{
    atomic {
        had_wake = wake[me]; had_stop = stop_asked[me]; had_nothing = nothing_asked[me];
        wake[me] = false; stop_asked[me] = false; nothing_asked[me] = false
    };
    if                                                               /* [arrive] */
    :: had_wake ->
           touch(me);
           assert(state[me] == WAKING);
           if
           :: stop[me] -> atomic { stop[me] = false; state[me] = INACTIVE }
           :: else -> state[me] = READY
           fi
    :: else -> skip
    fi;
    if                                                               /* [request_stop] */
    :: had_stop -> tcb_stop(me); stop_arrived = (state[me] == INACTIVE)
    :: else -> skip
    fi;
    atomic {
        served_stop = served_stop || had_stop;
        served_nothing[me] = served_nothing[me] || had_nothing;
        had_wake = false; had_stop = false; had_nothing = false
    }
}

/* [wake] Hands a thread that one owns to its home hart. */
inline send_home(thread)
{
    touch(thread);
    atomic { assert(state[thread] == WAKING && !wake[thread]); wake[thread] = true }
}

/* ---- hart 1: the sender ---- */

inline call()                                                        /* `found`: the endpoint's look-up */
{
    if
    :: !found -> skip                                                /* an error; the thread goes on */
    :: else ->
           take_lock();
           if
           :: queue != RECEIVERS ->                                  /* [send_blocks] */
                  atomic { state[SENDER] = BLOCKED_SEND; queue = SENDERS; first = SENDER; parked[SENDER] = true };
                  drop_lock()
           :: else ->                                                /* [send_meets] */
                  to = first;
                  touch(to);
                  if
                  :: BREAK != TAKE_FIRST -> assert(state[SENDER] == READY) /* [send_takes] */
                  :: else -> skip
                  fi;
                  if
                  :: capability[REPLY] -> attach(SENDER)
                  :: else -> attached = false
                  fi;
                  if
                  :: attached && BREAK == TAKE_FIRST -> assert(state[SENDER] == BLOCKED_REPLY)
                  :: else -> skip
                  fi;
                  if
                  :: !attached -> drop_lock(); state[SENDER] = READY
                  :: else ->
                         if
                         :: BREAK != WAKING_LOCKED -> atomic { took(to); unlink(); state[to] = WAKING }; drop_lock()
                         :: else -> atomic { took(to); unlink() }; drop_lock(); state[to] = WAKING
                         fi;
                         touch(to);                                  /* [deliver] */
                         send_home(to)
                  fi;
                  attached = false; to = NOBODY
           fi
    fi;
    found = false
}

#define CAN_SUSPEND_SENDER                                                                                             \
    ((state[SENDER] == BLOCKED_SEND || state[SENDER] == BLOCKED_REPLY) && alive[SENDER] && capability[SENDER])

proctype sender()
{
    mtype was = INACTIVE;
    bool here, had_wake, had_stop, had_nothing, attached, found;
    byte to, rounds;
    bool may_suspend = true;

end:
    do
    :: PENDING(SENDER) -> serve(SENDER)
    :: state[SENDER] == READY && rounds < ROUNDS ->                  /* [call] */
           rounds++;
           found = capability[ENDPOINT];                             /* a look-up: the pointer lives on */
           call()
    :: may_suspend && CAN_SUSPEND_SENDER ->                          /* [suspend] by another thread of this hart */
           may_suspend = false;
           tcb_stop(SENDER)
    od
}

/* ---- hart 2: the receiver ---- */

inline answer()                                                      /* [reply] */
{
    if
    :: capability[REPLY] ->
           reply_take(from);
           if
           :: from != NOBODY -> touch(from); state[from] = WAKING; send_home(from)
           :: else -> skip
           fi;
           from = NOBODY
    :: else -> skip
    fi
}

inline receive_from_sender()                                         /* [receive_meets] */
{
    from = first;
    atomic { took(from); unlink(); state[from] = WAKING };
    drop_lock();
    if
    :: !capability[REPLY] || caller != NOBODY -> send_home(from)     /* refused */
    :: else ->
           if
           :: BREAK != DELIVER_FIRST -> touch(from); assert(state[from] == WAKING)
           :: else -> skip
           fi;
           attach(from);
           if
           :: attached && BREAK == DELIVER_FIRST -> touch(from); assert(state[from] == BLOCKED_REPLY)
           :: attached && BREAK != DELIVER_FIRST -> skip
           :: !attached -> state[from] = WAKING; send_home(from)
           fi
    fi;
    from = NOBODY; attached = false
}

inline receive()
{
    if
    :: !found || (capability[REPLY] && caller != NOBODY) -> skip
    :: else ->
           take_lock();
           if
           :: queue == SENDERS -> receive_from_sender()
           :: else ->                                                /* [receive_blocks] */
                  atomic {
                      state[RECEIVER] = BLOCKED_RECV; queue = RECEIVERS; first = RECEIVER; parked[RECEIVER] = true
                  };
                  drop_lock()
           fi
    fi;
    found = false
}

#define CAN_SUSPEND_RECEIVER (state[RECEIVER] == BLOCKED_RECV && alive[RECEIVER] && capability[RECEIVER])

proctype receiver()
{
    mtype was = INACTIVE;
    bool here, had_wake, had_stop, had_nothing, attached, found;
    byte from, rounds;
    bool may_suspend = true;

end:
    do
    :: PENDING(RECEIVER) -> serve(RECEIVER)
    :: state[RECEIVER] == READY && rounds < 2 * ROUNDS ->            /* REPLY_RECV: answer, then receive */
           rounds++;
           answer();
           found = capability[ENDPOINT];
           receive()
    :: may_suspend && CAN_SUSPEND_RECEIVER ->
           may_suspend = false;
           tcb_stop(RECEIVER)
    od
}

#include "message_fast.pmh"

/* ---- hart 0: the deletion ---- */

inline quiesce()                                                     /* removal.pml has it in detail */
{
    atomic { nothing_asked[SENDER] = true; nothing_asked[RECEIVER] = true; served_nothing[SENDER] = false;
             served_nothing[RECEIVER] = false; nothing_asked[OTHER] = (HOMES == SAME);
             served_nothing[OTHER] = (HOMES == APART) };
    served_nothing[SENDER] && served_nothing[RECEIVER] && served_nothing[OTHER]
}

inline endpoint_finalise()                                           /* [endpoint_finalise] */
{
    do
    :: take_lock();
       who = first;
       if
       :: who != NOBODY -> atomic { took(who); unlink(); state[who] = WAKING }
       :: else -> skip
       fi;
       drop_lock();
       if
       :: who == NOBODY -> break
       :: else -> send_home(who)
       fi
    od;
    who = NOBODY
}

inline reply_finalise()                                              /* [reply_finalise] */
{
    reply_take(who);
    if
    :: who != NOBODY -> touch(who); state[who] = WAKING; send_home(who)
    :: else -> skip
    fi;
    who = NOBODY
}

inline tcb_finalise(thread)                                          /* [stop_anywhere] */
{
    do
    :: atomic { served_stop = false; stop_arrived = false; stop_asked[thread] = true };
       served_stop;
       if
       :: stop_arrived || BREAK == ARRIVE -> break
       :: else -> skip
       fi
    od
}

proctype deleter()
{
    byte who;

    if
    :: (TARGETS & 1) -> target = RECEIVER
    :: (TARGETS & 2) -> target = SENDER
    :: (TARGETS & 4) -> target = ENDPOINT
    :: (TARGETS & 8) -> target = REPLY
    fi;
    capability[target] = false;                                      /* [remove] */
    if
    :: BREAK != QUIESCE -> quiesce(); quiesce()
    :: else -> skip
    fi;
    if
    :: target == ENDPOINT -> endpoint_finalise()
    :: target == REPLY -> reply_finalise()
    :: target == RECEIVER || target == SENDER -> tcb_finalise(target)
    fi;
    if
    :: BREAK != REUSE_QUIESCE -> quiesce(); quiesce()                /* [reset] */
    :: else -> skip
    fi;
    alive[target] = false;
    timeout;                                                         /* nobody moves any more */
    for (who : SENDER .. RECEIVER) {
        assert(state[who] != WAKING && !PENDING(who));
        if
        :: !alive[who] -> assert(!parked[who] && state[who] == INACTIVE)
        :: else -> assert(parked[who] == (state[who] != READY && state[who] != INACTIVE))
        fi;
        assert(!(state[who] == BLOCKED_SEND || state[who] == BLOCKED_RECV) || (alive[ENDPOINT] && first == who));
        assert(state[who] != BLOCKED_REPLY || (alive[REPLY] && caller == who))
    }
    assert(!wake[OTHER] && parked[OTHER] == (state[OTHER] != READY));
    assert(state[OTHER] == READY || (state[OTHER] == BLOCKED_REPLY && alive[REPLY] && caller == OTHER))
}

init {
    atomic {
        alive[SENDER] = true; alive[RECEIVER] = true; alive[ENDPOINT] = true; alive[REPLY] = true;
        capability[SENDER] = true; capability[RECEIVER] = true; capability[ENDPOINT] = true; capability[REPLY] = true;
        alive[OTHER] = true;
        state[SENDER] = READY; state[RECEIVER] = READY; state[OTHER] = READY; queue = EMPTY;
        run deleter();
        if
        :: HOMES == APART -> run sender(); run receiver()
        :: else -> run both(); run other()
        fi
    }
}
