/* mmserver/mmargs.c with a fault put in: whoever asks for a mapping below the lowest address gets it. Shows that hostile_messages finds
 * one answer that is wrong; linked into careless_server in that file's place. */
#define args_map args_map_as_it_is
#include "../../mmserver/mmargs.c"
#undef args_map

int64_t args_map(const uint64_t mr[4], uint64_t user_end, struct map_args *out);

int64_t args_map(const uint64_t mr[4], uint64_t user_end, struct map_args *out)
{
    int64_t error = args_map_as_it_is(mr, user_end, out);

    if (error == -LINUX_EPERM) {
        *out = (struct map_args){mr[0], pages_up(mr[1]), rights_of(mr[2]), core_flags(mr[3])};
        error = 0;
    }
    return error;
}
