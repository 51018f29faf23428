/** The life of the own key: shown, changed, recovered, revoked, kept. */
import type { Digest } from '../../crypto/digest.ts';
import { generateSeed, publicKeyOf } from '../../crypto/ed25519.ts';
import { UnavailableError, UsageError } from '../../errors.ts';
import { currentKey, keyDraft, type Epoch } from '../../exchange/record/index.ts';
import type { VerifiedRecord } from '../../exchange/record/types.ts';
import { alerts, endAlert } from '../alerts.ts';
import { catchUpInGroups, takeGroupsAlong } from '../groups.ts';
import { writeIdentity, type HeldKey } from '../identity-files.ts';
import { isUnsure } from '../outbox.ts';
import { parseRecoveryKey } from '../recovery-key.ts';
import { rivalsOf } from '../rivals.ts';
import { signerOf, signingKey, type Session } from '../session.ts';
import type { Arguments } from './arguments.ts';
import { PUBLIC_SCOPE } from '../../exchange/record/feed-link.ts';

/** Newest own records that `show` names: enough to say which one to keep. */
const SHOWN_RECORDS = 20;

export async function show(session: Session): Promise<unknown> {
  const { author } = session.identity;
  const keys = session.store.keysOf(author, PUBLIC_SCOPE);
  const head = await session.store.head(author, PUBLIC_SCOPE);
  const held = signingKey(session);
  const fork = (await session.store.frozen()).find((feed) => feed.author === author && feed.scope === PUBLIC_SCOPE);
  return {
    author,
    key: held.id,
    signs: currentKey(keys) === held.id && !keys.revoked,
    locked: held.locked,
    recovery: head?.recovery ?? 0,
    epoch: head?.epoch ?? 0,
    seq: head?.seq ?? 0,
    revoked: keys.revoked,
    frozenAt: fork?.at ?? null,
    rivals: await rivalsOf(session, author),
    unsure: await isUnsure(session.home),
    alerts: await alerts(session.store),
    records: await newest(session),
  };
}

async function newest(session: Session): Promise<unknown[]> {
  const { author } = session.identity;
  const records: VerifiedRecord[] = [];
  let at: Digest | null = (await session.store.head(author, PUBLIC_SCOPE))?.id ?? null;
  while (at !== null && records.length < SHOWN_RECORDS) {
    const record: VerifiedRecord | undefined = await session.store.get(at);
    if (record === undefined) break;
    records.push(record);
    at = record.link.prev;
  }
  return records.map(({ id, link: { recovery, epoch, seq }, statement }) => ({
    record: id,
    place: `${recovery}/${epoch}/${seq}`,
    type: statement.predicateType,
  }));
}

export async function rotate(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  await requireNewest(session, args.flag('offline'), signal);
  await catchUpInGroups(session, signal);
  const { author, recoveryPublicKey } = session.identity;
  const { seed } = await signerOf(session);
  const newSeed = generateSeed();
  const passphrase = await passphraseOf(session, signingKey(session));
  // Both, until the feed says that the new one signs: whatever happens in between, this home has the one that does.
  await writeIdentity(session.home, { author, recoveryPublicKey, seeds: [seed, newSeed] }, passphrase);
  const { record } = await session.store.changeKey(
    { action: 'rotate', author, seed, newSeed, recoveryPublicKey },
    PUBLIC_SCOPE,
  );
  return changed(session, record, { seed: newSeed, recoveryPublicKey, passphrase, voided: [] });
}

export async function recover(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  const recoverySeed = parseRecoveryKey(args.text('recoveryKey'));
  const contest = args.flag('contest');
  if (contest && args.optionalText('newRecoveryKey') === undefined) {
    throw new UsageError(
      'key/contest-needs-new-key',
      'Somebody else has this recovery key: it must not stay in force.',
      {
        hint: 'portalgun key recover --contest --new-recovery-key',
      },
    );
  }
  await catchUp(session, args.flag('offline'), signal);
  const { author } = session.identity;
  const unused = await unusedKey(session);
  const newSeed = unused === undefined ? generateSeed() : await unused.unlock();
  const passphrase = await passphraseOf(session, signingKey(session));
  // Whoever asks has it already: nothing that is only here can get lost with the answer.
  const newRecoveryKey = args.optionalText('newRecoveryKey');
  const recoveryPublicKey = publicKeyOf(newRecoveryKey === undefined ? recoverySeed : parseRecoveryKey(newRecoveryKey));
  const held = await Promise.all(
    session.identity.keys.filter(({ id }) => id !== unused?.id).map((key) => key.unlock()),
  );
  const content = { author, recoveryPublicKey: session.identity.recoveryPublicKey, seeds: [...held, newSeed] };
  await writeIdentity(session.home, content, passphrase);
  const keep = args.optionalDigest('keep');
  const { record, voided } = await session.store.changeKey(
    {
      action: 'recover',
      author,
      recoverySeed,
      newSeed,
      ...(keep !== undefined && { keep }),
      ...(contest && { contest }),
      ...(newRecoveryKey !== undefined && { newRecoveryPublicKey: recoveryPublicKey }),
    },
    PUBLIC_SCOPE,
  );
  return changed(session, record, { seed: newSeed, recoveryPublicKey, passphrase, voided });
}

/** A key of this home that no epoch has had: a new home that is to take the feed over. */
async function unusedKey(session: Session): Promise<HeldKey | undefined> {
  const { author, keys } = session.identity;
  const used = new Set(session.store.keysOf(author, PUBLIC_SCOPE).epochs.map(({ key }: Epoch) => key));
  return keys.find(({ id }) => !used.has(id));
}

export async function revoke(session: Session, args: Arguments, signal: AbortSignal): Promise<unknown> {
  await requireNewest(session, args.flag('offline'), signal);
  const draft = keyDraft(session.identity.author, { action: 'revoke', reason: args.text('why') });
  const record = await session.store.append(await signerOf(session), PUBLIC_SCOPE, draft);
  await session.exchange?.announce(record);
  return { record: record.id, seq: record.link.seq };
}

interface Change {
  readonly seed: Uint8Array;
  readonly recoveryPublicKey: Uint8Array;
  readonly passphrase: string | undefined;
  readonly voided: readonly Digest[];
}

/** The new key is in the feed: it alone stays here, then peers are told, and the network speaks with it from now on. */
async function changed(session: Session, record: VerifiedRecord, change: Change) {
  const { author } = session.identity;
  const { seed, recoveryPublicKey, passphrase, voided } = change;
  // In force here before anybody hears of it, whatever the network does.
  await writeIdentity(session.home, { author, recoveryPublicKey, seeds: [seed] }, passphrase);
  const inGroups = await takeGroupsAlong(session, { author, seed });
  const groups = inGroups.map(({ name }) => name);
  await session.exchange?.announce(record);
  await endAlert(session.store, 'key-elsewhere');
  const network = await comeBack(session);
  for (const one of inGroups) await session.exchange?.announce(one.record);
  const { recovery, epoch } = record.link;
  return { author, key: signingKey(session).id, recovery, epoch, record: record.id, voided, groups, ...network };
}

/** What is signed is signed. A network that does not come back at once is tried again by the node (run-node.ts), and said. */
async function comeBack(session: Session): Promise<{ readonly offline?: string }> {
  try {
    await session.renew();
    return {};
  } catch (error) {
    return { offline: error instanceof Error ? error.message : String(error) };
  }
}

/** What is locked stays locked, with the passphrase that opened it. */
async function passphraseOf(session: Session, key: HeldKey): Promise<string | undefined> {
  return key.locked ? session.home.passphrase() : undefined;
}

/** As for publishing: a key change is a record too, and one for a place that is taken would fork the feed. */
async function requireNewest(session: Session, offline: boolean, signal: AbortSignal): Promise<void> {
  if (await isNewest(session, offline, signal)) return;
  throw new UnavailableError(
    'key/not-confirmed',
    'No peer has said how far they have your feed, so it may be further than here.',
    {
      hint: 'Start the node and let a peer who follows you connect; --offline if nothing of your feed is anywhere else.',
    },
  );
}

/** A recovery outranks what it does not know, but would leave behind what only peers have. */
async function catchUp(session: Session, offline: boolean, signal: AbortSignal): Promise<void> {
  if (await isNewest(session, offline, signal)) return;
  const frozen = (await session.store.frozen()).some(({ author }) => author === session.identity.author);
  // A frozen feed is nowhere the same: what is kept is what is here.
  if (frozen && session.exchange !== undefined) return;
  throw new UnavailableError(
    'key/not-confirmed',
    'No peer has said how far they have your feed: a recovery would leave behind what is only there.',
    {
      hint: 'Start the node and let a peer who follows you connect; --offline to keep what is here and nothing else.',
    },
  );
}

async function isNewest(session: Session, offline: boolean, signal: AbortSignal): Promise<boolean> {
  if (offline) return true;
  const { peers } = await session.policy.current();
  const mayHaveForgotten = await isUnsure(session.home);
  if (Object.keys(peers).length === 0 && !mayHaveForgotten) return true;
  return (await session.exchange?.confirmOwnHead(signal, { mayHaveForgotten })) != null;
}

/** Sets, changes or takes away the passphrase that locks the key. The node goes on: it has the key open. */
export async function passphrase(session: Session, args: Arguments): Promise<unknown> {
  const next = args.optionalText('next');
  const { author, recoveryPublicKey, keys } = session.identity;
  const seeds = await Promise.all(keys.map((key) => key.unlock()));
  await writeIdentity(session.home, { author, recoveryPublicKey, seeds }, next);
  return { locked: next !== undefined, ...(await comeBack(session)) };
}
