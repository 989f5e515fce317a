/* Configuration at boot. */
#include <corten/config.h>
#include <corten/port.h>

struct ct_config ct_config;

enum ct_status ct_init(const struct ct_config *config)
{
    if (config->levels < 3 || config->levels > CT_LEVELS_MAX || config->workers == 0 ||
        config->workers > CT_WORKERS_MAX || config->protocol > CT_PROTOCOL_ADV || config->flush > CT_FLUSH_LAZY)
        return CT_RANGE;
    if (config->around_pages > CT_AROUND_MAX || (config->around_pages & (config->around_pages - 1)))
        return CT_RANGE;
    uint64_t user_end = ct_user_end_of(config->levels);
    uint64_t low = config->arena_low.v, high = config->arena_high.v;
    if (((low | high) & (TN_PAGE_BYTES - 1)) || low >= high || high > user_end)
        return CT_RANGE;
    ct_config = *config;
    ct_config.user_end = user_end;
    ct_config.root_shift = 3 + 9 * config->levels;
    return CT_OK;
}
