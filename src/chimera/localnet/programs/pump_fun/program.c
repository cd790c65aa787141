/* The pump.fun curve's interface, spoken by a program of our own for the embedded chain.
 *
 * create, create_v2, buy, buy_exact_sol_in, sell, buy_v2, buy_exact_quote_in_v2, sell_v2 and migrate_v2 for coins that
 * are quoted in SOL, with the account lists, layouts, fees, roundings, events and error numbers of the published
 * interface (pump-sdk 2.0.0). Events are logged and not also emitted by a call to itself. Not spoken: token quotes,
 * mayhem's own program, cashback and volume counting, holder rewards, fee sharing, the v3 family, Metaplex metadata,
 * collecting fees, and the admin's instructions.
 */
#include "create.h"
#include "migrate.h"
#include "trade.h"

#define IX_CREATE 0x77071c0528c81e18ULL
#define IX_CREATE_V2 0xb4318b5fec4c90d6ULL
#define IX_BUY 0xeaebda01123d0666ULL
#define IX_BUY_EXACT_SOL_IN 0x5fcddf9e0874fc38ULL
#define IX_SELL 0xad837f01a485e633ULL
#define IX_BUY_V2 0x3dd3c56761ee17b8ULL
#define IX_BUY_EXACT_QUOTE_IN_V2 0x2f5b4d68461cabc2ULL
#define IX_SELL_V2 0xb240e9e73c82f65dULL
#define IX_MIGRATE_V2 0x29feedce1f12cbbbULL

#define NAMED(t, text) (t)->name = text, (t)->name_len = sizeof(text) - 1

u64 entrypoint(u8 *input) {
    Trade trade;
    read_input(input);
    REQUIRE(F->data_len >= 8, FALLBACK_NOT_FOUND);
    sol_get_clock_sysvar(&F->clock);
    switch (U64(F->data, 0)) {
    case IX_CREATE:
        LOG("Instruction: Create");
        return create(&CREATE, false);
    case IX_CREATE_V2:
        LOG("Instruction: CreateV2");
        return create(&CREATE_V2, true);
    case IX_BUY:
        LOG("Instruction: Buy");
        NAMED(&trade, "buy");
        return buy(&OLDER_BUY, true, &trade);
    case IX_BUY_EXACT_SOL_IN:
        LOG("Instruction: BuyExactSolIn");
        NAMED(&trade, "buy_exact_sol_in");
        return buy(&OLDER_BUY, false, &trade);
    case IX_SELL:
        LOG("Instruction: Sell");
        NAMED(&trade, "sell");
        return sell(&OLDER_SELL, &trade);
    case IX_BUY_V2:
        LOG("Instruction: BuyV2");
        NAMED(&trade, "buy_v2");
        return buy(&UNIFIED_BUY, true, &trade);
    case IX_BUY_EXACT_QUOTE_IN_V2:
        LOG("Instruction: BuyExactQuoteInV2");
        NAMED(&trade, "buy_exact_quote_in_v2");
        return buy(&UNIFIED_BUY, false, &trade);
    case IX_SELL_V2:
        LOG("Instruction: SellV2");
        NAMED(&trade, "sell_v2");
        return sell(&UNIFIED_SELL, &trade);
    case IX_MIGRATE_V2:
        LOG("Instruction: MigrateV2");
        return migrate();
    }
    return FALLBACK_NOT_FOUND;
}
