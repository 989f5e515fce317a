/* Error codes of system calls and object invocations.
 *
 * Values 0 to 10 are seL4's, in seL4's order, so that its manual helps; the ones after them are Tenon's own.
 * A failed invocation has changed nothing.
 */
#pragma once

enum tn_error {
    TN_OK = 0,
    TN_INVALID_ARGUMENT = 1,    /* a value outside its domain; MR0 = which argument (1 = first) */
    TN_INVALID_CAPABILITY = 2,  /* capability of the wrong type, or without the right that is needed; MR0 = which */
    TN_ILLEGAL_OPERATION = 3,   /* the object is not in a state for this */
    TN_RANGE_ERROR = 4,         /* an index or count past an end; MR0 = least, MR1 = greatest allowed */
    TN_ALIGNMENT_ERROR = 5,     /* an address or offset not a multiple of what it must be */
    TN_FAILED_LOOKUP = 6,       /* a capability pointer names no slot, or an empty one */
    TN_TRUNCATED_MESSAGE = 7,   /* message or batch too short, too long, or no IPC buffer for it */
    TN_DELETE_FIRST = 8,        /* the destination is occupied: slot, or page-table entry */
    TN_REVOKE_FIRST = 9,        /* the object still has children */
    TN_NOT_ENOUGH_MEMORY = 10,  /* the Untyped (or a fixed kernel table) has no room */
    TN_PEER_GONE = 11,          /* whom one waited for was deleted: endpoint, reply or receiver */
    TN_WOULD_BLOCK = 12,        /* non-blocking form, and nobody there */
    TN_ERROR_COUNT
};
