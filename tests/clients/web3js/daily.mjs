// A user's day with @solana/web3.js and @solana/spl-token, unmodified, against a node.
// node daily.mjs RPC_URL WS_URL  →  one JSON line with what was seen; exit code 1 on the first surprise.
import assert from 'node:assert/strict';
import * as web3 from '@solana/web3.js';
import * as spl from '@solana/spl-token';

const [rpcUrl, wsEndpoint] = process.argv.slice(2);
const connection = new web3.Connection(rpcUrl, { commitment: 'confirmed', wsEndpoint });
const payer = web3.Keypair.generate();
const receiver = web3.Keypair.generate();
const seen = {};

const latest = await connection.getLatestBlockhash();
const airdrop = await connection.requestAirdrop(payer.publicKey, 10 * web3.LAMPORTS_PER_SOL);
const dropped = await connection.confirmTransaction({ signature: airdrop, ...latest });
assert.equal(dropped.value.err, null);
assert.equal(await connection.getBalance(payer.publicKey), 10 * web3.LAMPORTS_PER_SOL);
seen.version = (await connection.getVersion())['solana-core'];

// An account and a signature, subscribed to before the transfer is sent.
const accountHeard = new Promise((resolve) => {
  const id = connection.onAccountChange(receiver.publicKey, (account, context) => {
    connection.removeAccountChangeListener(id);
    resolve({ lamports: account.lamports, slot: context.slot });
  }, { commitment: 'confirmed' });
});
const logsHeard = new Promise((resolve) => {
  const id = connection.onLogs(receiver.publicKey, (logs) => {
    connection.removeOnLogsListener(id);
    resolve(logs.signature);
  }, 'processed');
});
const transfer = new web3.Transaction().add(web3.SystemProgram.transfer({
  fromPubkey: payer.publicKey, toPubkey: receiver.publicKey, lamports: web3.LAMPORTS_PER_SOL,
}));
const slots = new Promise((resolve) => {
  const id = connection.onSlotChange((slot) => {
    connection.removeSlotChangeListener(id);
    resolve(slot);
  });
});
assert.ok((await slots).slot > 0);
const sent = await web3.sendAndConfirmTransaction(connection, transfer, [payer]);
assert.equal((await accountHeard).lamports, web3.LAMPORTS_PER_SOL);
assert.equal(await logsHeard, sent);
const again = await new Promise((resolve) => connection.onSignature(sent, resolve, 'confirmed'));
assert.equal(again.err, null);

// A v0 transaction with an address lookup table.
const slot = await connection.getSlot('finalized');
const [create, table] = web3.AddressLookupTableProgram.createLookupTable({
  authority: payer.publicKey, payer: payer.publicKey, recentSlot: slot,
});
const extend = web3.AddressLookupTableProgram.extendLookupTable({
  payer: payer.publicKey, authority: payer.publicKey, lookupTable: table, addresses: [receiver.publicKey],
});
await web3.sendAndConfirmTransaction(connection, new web3.Transaction().add(create, extend), [payer]);
await new Promise((resolve) => connection.onSlotChange(resolve)); // a table serves from the next slot on
const lookup = (await connection.getAddressLookupTable(table)).value;
const v0 = new web3.VersionedTransaction(new web3.TransactionMessage({
  payerKey: payer.publicKey,
  recentBlockhash: (await connection.getLatestBlockhash()).blockhash,
  instructions: [web3.SystemProgram.transfer({
    fromPubkey: payer.publicKey, toPubkey: receiver.publicKey, lamports: 1_000_000,
  })],
}).compileToV0Message([lookup]));
assert.equal(v0.message.addressTableLookups.length, 1);
v0.sign([payer]);
const viaTable = await connection.sendTransaction(v0);
await connection.confirmTransaction({ signature: viaTable, ...(await connection.getLatestBlockhash()) });
const read = await connection.getTransaction(viaTable, { maxSupportedTransactionVersion: 0 });
assert.equal(read.version, 0);
assert.deepEqual(read.meta.loadedAddresses.writable.map(String), [receiver.publicKey.toBase58()]);
await assert.rejects(connection.getTransaction(viaTable), /maxSupportedTransactionVersion/);

// A token of one's own, and of Token-2022.
for (const program of [spl.TOKEN_PROGRAM_ID, spl.TOKEN_2022_PROGRAM_ID]) {
  const mint = await spl.createMint(connection, payer, payer.publicKey, null, 9, undefined, undefined, program);
  const mine = await spl.getOrCreateAssociatedTokenAccount(
    connection, payer, mint, payer.publicKey, false, 'confirmed', undefined, program);
  const theirs = await spl.getOrCreateAssociatedTokenAccount(
    connection, payer, mint, receiver.publicKey, false, 'confirmed', undefined, program);
  await spl.mintTo(connection, payer, mint, mine.address, payer, 5_000_000_000n, [], undefined, program);
  const moved = await spl.transfer(
    connection, payer, mine.address, theirs.address, payer, 1_500_000_000n, [], undefined, program);
  const account = await spl.getAccount(connection, theirs.address, 'confirmed', program);
  assert.equal(account.amount, 1_500_000_000n);
  assert.equal((await connection.getTokenAccountBalance(theirs.address)).value.uiAmountString, '1.5');
  const held = await connection.getParsedTokenAccountsByOwner(receiver.publicKey, { programId: program });
  assert.equal(held.value.length, 1);
  assert.equal(held.value[0].account.data.parsed.info.tokenAmount.amount, '1500000000');
  const parsed = await connection.getParsedTransaction(moved, { maxSupportedTransactionVersion: 0 });
  assert.equal(parsed.transaction.message.instructions[0].parsed.type, 'transfer');
  assert.equal(parsed.meta.postTokenBalances.length, 2);
}

// What goes wrong says so.
const tooMuch = new web3.Transaction().add(web3.SystemProgram.transfer({
  fromPubkey: payer.publicKey, toPubkey: receiver.publicKey, lamports: 1000 * web3.LAMPORTS_PER_SOL,
}));
await assert.rejects(web3.sendAndConfirmTransaction(connection, tooMuch, [payer]), (error) => {
  assert.ok(error instanceof web3.SendTransactionError);
  assert.match(error.message, /custom program error: 0x1/);
  assert.ok(error.logs.length > 0);
  return true;
});
const simulated = await connection.simulateTransaction(v0, { sigVerify: false, replaceRecentBlockhash: true });
assert.equal(simulated.value.err, null);
const listed = await connection.getSignaturesForAddress(receiver.publicKey);
assert.ok(listed.some((one) => one.signature === sent));
const block = await connection.getBlock(read.slot, { maxSupportedTransactionVersion: 0 });
assert.ok(block.transactions.some((one) => one.transaction.signatures[0] === viaTable));
seen.receiver_lamports = await connection.getBalance(receiver.publicKey);
console.log(JSON.stringify(seen));
process.exit(0);
