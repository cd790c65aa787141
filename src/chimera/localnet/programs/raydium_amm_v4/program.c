/* Raydium AMM V4's interface, spoken by a program of our own for the embedded chain.
 *
 * The four swaps and withdraw with the real account lists, layouts, fees, roundings, log lines and error numbers;
 * where the real program panics, this one aborts. Pools come from genesis. Not spoken: making pools, deposit, the
 * admin's instructions. Facts: the published source of raydium-amm at 27f461d and an older binary's recorded answers,
 * which differ from that source in the rounding of dust.
 */
#include "swap.h"
#include "withdraw.h"

u64 entrypoint(u8 *input) {
    read_input(input);
    REQUIRE(F->data_len >= 1, INVALID_INSTRUCTION_DATA);
    sol_get_clock_sysvar(&F->clock);
    switch (U8(F->data, 0)) {
    case 4: return withdraw();
    case 9: return swap(true, true);
    case 11: return swap(false, true);
    case 16: return swap(true, false);
    case 17: return swap(false, false);
    }
    return INVALID_INSTRUCTION_DATA;
}
