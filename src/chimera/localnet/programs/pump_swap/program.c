/* PumpSwap's interface, spoken by a program of our own for the embedded chain.
 *
 * create_pool, buy, buy_exact_quote_in and sell with the account lists, layouts, fees, roundings, events and error
 * numbers of the published interface (pump-swap-sdk 1.20.0). Events are logged and not also emitted by a call to
 * itself. Not spoken: deposit and withdraw, the shorter v2 family, volume counting, boosts, collecting fees, and the
 * admin's instructions. Where the arithmetic overflows, the program aborts.
 */
#include "create_pool.h"
#include "swap.h"

#define IX_BUY 0xeaebda01123d0666ULL
#define IX_BUY_EXACT_QUOTE_IN 0x70e8d9b452152ec6ULL
#define IX_SELL 0xad837f01a485e633ULL

u64 entrypoint(u8 *input) {
    Trade trade;
    read_input(input);
    REQUIRE(F->data_len >= 8, FALLBACK_NOT_FOUND);
    sol_get_clock_sysvar(&F->clock);
    switch (U64(F->data, 0)) {
    case IX_CREATE_POOL:
        LOG("Instruction: CreatePool");
        return create_pool();
    case IX_BUY:
        LOG("Instruction: Buy");
        return buy(true, &trade);
    case IX_BUY_EXACT_QUOTE_IN:
        LOG("Instruction: BuyExactQuoteIn");
        return buy(false, &trade);
    case IX_SELL:
        LOG("Instruction: Sell");
        return sell(&trade);
    }
    return FALLBACK_NOT_FOUND;
}
