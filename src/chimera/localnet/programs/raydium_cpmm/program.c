/* Raydium CPMM's interface, spoken by a program of our own for the embedded chain.
 *
 * swap_base_input, swap_base_output, initialize, deposit and withdraw with the real account lists, layouts, fees,
 * roundings, events and error numbers; where the real program panics, this one aborts. Not spoken: the admin's
 * instructions, fee collection, initialize_with_permission, and the whitelist of four Token-2022 mints.
 * Facts: the published source of raydium-cp-swap at 609780f and the real binary's answers in the test vectors.
 */
#include "initialize.h"
#include "liquidity.h"
#include "swap.h"

#define IX_SWAP_BASE_INPUT 0xde331ec4da5abe8fULL
#define IX_SWAP_BASE_OUTPUT 0xadb44aa35662d937ULL
#define IX_INITIALIZE 0xed9b980d1f6dafafULL
#define IX_DEPOSIT 0xb6f2e15289c623f2ULL
#define IX_WITHDRAW 0x22a16d949c4612b7ULL

u64 entrypoint(u8 *input) {
    read_input(input);
    REQUIRE(F->data_len >= 8, FALLBACK_NOT_FOUND);
    sol_get_clock_sysvar(&F->clock);
    switch (U64(F->data, 0)) {
    case IX_SWAP_BASE_INPUT:
        LOG("Instruction: SwapBaseInput");
        return swap(true);
    case IX_SWAP_BASE_OUTPUT:
        LOG("Instruction: SwapBaseOutput");
        return swap(false);
    case IX_INITIALIZE:
        LOG("Instruction: Initialize");
        return initialize();
    case IX_DEPOSIT:
        LOG("Instruction: Deposit");
        return change_liquidity(true);
    case IX_WITHDRAW:
        LOG("Instruction: Withdraw");
        return change_liquidity(false);
    }
    return FALLBACK_NOT_FOUND;
}
