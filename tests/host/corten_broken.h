/* Faults that can be put into the core, so that the tests of its failures are seen to find them. The core's files that
 * undo what a failed operation took are compiled here (corten_broken.c) with each undoing step under a switch. */
#pragma once

enum broken {
    BROKEN_NOT,
    BROKEN_RESERVE_FRAME,  /* ct_reserve_drop keeps frames that it set aside for words */
    BROKEN_RESERVE_CHARGE, /* ct_reserve_drop leaves their pages charged */
    BROKEN_FAULT_FRAME,    /* a fault that is refused keeps its zeroed frame */
    BROKEN_FAULT_CHARGE,   /* a fault whose table cannot be made leaves its page charged */
    BROKEN_MAP_CHARGE,     /* cursor_map without a table leaves its page charged */
    BROKEN_FAULTS,
};

extern enum broken corten_broken; /* BROKEN_NOT: the core as it is */
