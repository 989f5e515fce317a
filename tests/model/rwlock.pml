/* Model: the readers-writer lock of protocol rw (mmserver/corten/rwlock.h, rwlock.c), every access to its word one step.
 *
 * Workers read or write, for ever.
 *
 * What is asserted
 *   exclusion   a writer is alone
 *   the word    with nobody inside or on the way it is free, or marked by a writer that waits
 *   no deadlock there is no state without a successor
 *   -DLIVE      a writer gets in, however many readers come and go (pan -a -f)
 */
#define NOTHING 0
#define READ_AGAIN 1    /* a reader that stood back looks again after counting itself */
#define TAKE_MARK 2     /* the writer that gets in takes the waiting mark away */
#define UNLOCK_BIT 3    /* unlocking takes the writer's bit away and nothing else: readers may be counted */
#define STAND_BACK 4    /* readers stand back while a writer waits. Without it: -DLIVE fails */
#define WRITER_ALONE 5  /* a writer gets in only when no reader is counted */

#ifndef BREAK
#define BREAK NOTHING
#endif
#ifndef WORKERS
#define WORKERS 3
#endif

bool writer, waiting; /* bits 31 and 30 of the word */
byte readers;         /* bits 29..0 */

byte inside_readers, inside_writers; /* ghost */
bool wants, has;                     /* ghost: of worker 0 as a writer */

#ifdef LIVE
#define MAY_WRITE (id == 0) /* among writers it is not fair */
#else
#define MAY_WRITE true
#endif
#define BLOCKED (writer || (waiting && BREAK != STAND_BACK))

/* [read] [read_slow] */
inline read_lock()
{
    atomic { out = BLOCKED; readers++ };
    do
    :: out && BREAK != READ_AGAIN -> readers--; !BLOCKED; atomic { out = BLOCKED; readers++ }
    :: out && BREAK == READ_AGAIN -> readers--; !BLOCKED; atomic { out = false; readers++ }
    :: !out -> break
    od;
    atomic { inside_readers++; assert(inside_writers == 0) }
}

inline read_unlock()
{
    inside_readers--;
    atomic { assert(readers > 0); readers-- }
}

/* [write] [write_slow] */
inline write_lock()
{
    wants = wants || id == 0;
    do
    :: atomic {
           !writer && (readers == 0 || BREAK == WRITER_ALONE) ->
               writer = true;
               if
               :: BREAK != TAKE_MARK -> waiting = false
               :: else -> skip
               fi;
               break
       }
    :: atomic { (writer || readers != 0) && !waiting -> waiting = true }
    od;
    atomic {
        inside_writers++;
        assert(inside_writers == 1 && inside_readers == 0);
        has = has || id == 0;
        wants = wants && id != 0
    }
}

/* [write_unlock] */
inline write_unlock()
{
    atomic { inside_writers--; has = has && id != 0 };
    if
    :: BREAK == UNLOCK_BIT -> atomic { writer = false; readers = 0 }
    :: else -> writer = false
    fi
}

active [WORKERS] proctype worker()
{
    byte id = _pid;
    bool out;

    do
    :: read_lock(); read_unlock()
    :: MAY_WRITE -> write_lock(); write_unlock()
    od
}

#ifdef LIVE
ltl writers_get_in { [] (wants -> <> has) }
#endif
