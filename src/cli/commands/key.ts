/** The life of the own key. */
import { readFile } from 'node:fs/promises';
import { generateSeed, publicKeyOf } from '../../crypto/ed25519.ts';
import { UsageError } from '../../errors.ts';
import { parseAuthorId } from '../../exchange/record/identity.ts';
import { connect } from '../../node/connect.ts';
import { openHome } from '../../node/home.ts';
import { hasIdentity, writeIdentity } from '../../node/identity-files.ts';
import { backUp, restore as restoreIdentity } from '../../node/identity-backup.ts';
import { markUnsure } from '../../node/outbox.ts';
import { parseRecoveryKey } from '../../node/recovery-key.ts';
import {
  forgetNextRecoveryKey,
  forgetPresentRecoveryKey,
  nextRecoveryKey,
  type NextRecoveryKey,
} from '../../node/next-recovery-key.ts';
import type { Rivals } from '../../node/rivals.ts';
import type { Context } from '../context.ts';
import { hiddenLine } from '../hidden-line.ts';
import { fitting, paint, printLine, printResult, table } from '../output.ts';
import { ownRivalLines } from '../rivals.ts';

interface KeyState {
  readonly author: string;
  readonly key: string;
  readonly signs: boolean;
  readonly locked: boolean;
  readonly recovery: number;
  readonly epoch: number;
  readonly seq: number;
  readonly revoked: boolean;
  readonly frozenAt: { readonly seq: number } | null;
  readonly rivals: Rivals | null;
  readonly unsure: boolean;
  readonly alerts: readonly { readonly at: string; readonly message: string }[];
  readonly records: readonly { readonly record: string; readonly place: string; readonly type: string }[];
}

export async function show(context: Context): Promise<undefined> {
  const state = await (await connect(context.home)).call<KeyState>('key.show', {}, context.signal);
  printResult(context, state, () => [
    `author    ${state.author}`,
    `key       ${state.key}${state.locked ? ' (locked with a passphrase)' : ''}`,
    `feed      recovery ${state.recovery}, epoch ${state.epoch}, ${state.seq} records in it`,
    ...troubles(state),
    '',
    ...table(
      ['record', 'place', 'type'],
      state.records.map(({ record, place, type }) => [record.slice(0, 'sha256:'.length + 12), place, type]),
    ),
  ]);
  return undefined;
}

function troubles(state: KeyState): string[] {
  return [
    ...ownRivalLines(state.rivals),
    ...(state.frozenAt === null || state.rivals !== null
      ? []
      : [`frozen    two records with seq ${state.frozenAt.seq} carry your signature: portalgun key recover`]),
    ...(state.revoked ? ['revoked   nothing follows, until a recovery: portalgun key recover'] : []),
    ...(state.signs || state.revoked ? [] : ['replaced  another key signs this feed now']),
    ...(state.unsure ? ['restored  nothing is signed until a peer has said how far the feed is'] : []),
    ...state.alerts.map(({ at, message }) => `alert     ${at.slice(0, 16).replace('T', ' ')} ${message}`),
  ];
}

interface Changed {
  readonly author: string;
  readonly key: string;
  readonly recovery: number;
  readonly epoch: number;
  readonly record: string;
  readonly voided: readonly string[];
  /** Private groups in which the own feed goes on under the new key. */
  readonly groups: readonly string[];
  /** Why the node is offline since, if it is. */
  readonly offline?: string;
}

export async function rotate(context: Context, flags: { offline?: boolean }): Promise<undefined> {
  const home = await connect(context.home);
  const changed = await home.call<Changed>('key.rotate', { offline: flags.offline ?? false }, context.signal);
  printResult(context, changed, () =>
    fitting(context, [
      `Your feed goes on under a new key, in epoch ${changed.epoch}: ${changed.key}`,
      ...groupLines(changed),
      ...offlineLines(changed),
      'Your author id stays the same. Make a new backup: portalgun key backup FILE',
    ]),
  );
  return undefined;
}

interface RecoverFlags {
  readonly author?: string;
  readonly keep?: string;
  readonly keyFile?: string;
  readonly newRecoveryKey?: boolean;
  readonly contest?: boolean;
  readonly offline?: boolean;
}

/** In a home without an identity it begins one for this author; once the feed is here, the same command signs. */
export async function recover(context: Context, flags: RecoverFlags): Promise<undefined> {
  await openHome(context.home);
  if (!(await hasIdentity(context.home))) return begin(context, flags);
  const recoveryKey = await recoveryKeyFrom(context, flags.keyFile);
  const home = await connect(context.home);
  const keep = flags.keep === undefined ? undefined : (await findOwn(context, flags.keep)).record;
  const next =
    flags.newRecoveryKey === true ? await nextRecoveryKey(context.home, parseRecoveryKey(recoveryKey)) : undefined;
  const isWrittenDown = next !== undefined && (await showNext(context, next));
  const { offline = false, contest = false } = flags;
  const args = { recoveryKey, keep, offline, contest, newRecoveryKey: next?.text };
  const changed = await home.call<Changed>('key.recover', args, context.signal);
  if (next !== undefined) await forgetPresentRecoveryKey(context.home);
  if (isWrittenDown) await forgetNextRecoveryKey(context.home);
  const answer = {
    ...changed,
    ...(next !== undefined && { recoveryKey: next.text, keptIn: isWrittenDown ? null : next.file }),
  };
  printResult(context, answer, () => [
    ...fitting(context, [
      `Your feed goes on under a new key: recovery ${changed.recovery}, epoch ${changed.epoch}: ${changed.key}`,
      changed.voided.length === 0
        ? 'Every record that was here stays.'
        : `${changed.voided.length} records are void, for everybody: ${changed.voided.map((id) => id.slice(0, 19)).join(' ')}`,
    ]),
    ...recoveryLines(context, next, isWrittenDown),
    ...fitting(context, [...groupLines(changed), ...offlineLines(changed)]),
    'Make a new backup: portalgun key backup FILE',
  ]);
  return undefined;
}

/** Before anything is signed. @returns whether its owner has shown that they have it; where nobody sits, nobody is asked */
async function showNext(context: Context, { text, file }: NextRecoveryKey): Promise<boolean> {
  if (context.stdin.isTTY !== true || context.stdout.isTTY !== true || context.json) return false;
  const last = text.slice(text.lastIndexOf('-') + 1);
  printLine(context, 'Your new recovery key. Write it down before anything is signed:');
  printLine(context);
  printLine(context, `  ${paint(context, 'stdout', 'bold', text)}`);
  printLine(context);
  if ((await hiddenLine(context, 'Its last group, from what you wrote: ', context.signal)).trim() === last) return true;
  throw new UsageError(
    'key/not-written-down',
    'That is not the last group of the new recovery key. Nothing was signed.',
    {
      hint: `The same command shows it again. Until then it is kept in ${file}.`,
    },
  );
}

function recoveryLines(context: Context, next: NextRecoveryKey | undefined, isWrittenDown: boolean): string[] {
  if (next === undefined) return ['Your recovery key stays the same.'];
  if (isWrittenDown)
    return ['The recovery key that you have written down is in force; the old one recovers nothing more.'];
  return [
    '',
    'New recovery key; the old one recovers nothing more:',
    '',
    `  ${paint(context, 'stdout', 'bold', next.text)}`,
    '',
    `Write it down, then remove ${next.file}`,
  ];
}

function groupLines({ groups }: Changed): string[] {
  return groups.length === 0 ? [] : [`So does what you have published in private groups: ${groups.join(', ')}`];
}

function offlineLines({ offline }: { readonly offline?: string }): string[] {
  return offline === undefined ? [] : [`The node is offline for now, and tries again by itself: ${offline}`];
}

/** Who has lost everything has the paper, and their author id from any peer. */
async function begin(context: Context, flags: RecoverFlags): Promise<undefined> {
  if (flags.author === undefined) {
    throw new UsageError('key/no-author', 'This home has no identity: whose feed is to be recovered?', {
      hint: 'portalgun key recover --author ed25519:…; a peer who follows you has it: portalgun peer show',
    });
  }
  const author = parseAuthorId(flags.author);
  const recoveryPublicKey = publicKeyOf(parseRecoveryKey(await recoveryKeyFrom(context, flags.keyFile)));
  await writeIdentity(context.home, { author, recoveryPublicKey, seeds: [generateSeed()] });
  await markUnsure(context.home);
  const next = ['portalgun peer add INVITATION', 'portalgun node start', 'portalgun key recover'];
  printResult(context, { author, begun: true, next }, () => [
    `This home is to take over the feed of ${author}.`,
    'First it needs that feed, from a peer who follows you; then the recovery is signed:',
    ...next.map((command) => `  ${command}`),
  ]);
  return undefined;
}

async function findOwn(context: Context, text: string): Promise<{ record: string }> {
  return (await connect(context.home)).call<{ record: string }>('why', { record: text }, context.signal);
}

/** From a file, or typed unseen: never on the command line, where others could read it. */
async function recoveryKeyFrom(context: Context, file: string | undefined): Promise<string> {
  if (file === undefined) return hiddenLine(context, 'Recovery key: ', context.signal);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('key/unreadable', `cannot read the recovery key from ${file}`, { cause });
  }
}

export async function revoke(context: Context, flags: { why: string; offline?: boolean }): Promise<undefined> {
  const home = await connect(context.home);
  const args = { why: flags.why, offline: flags.offline ?? false };
  const revoked = await home.call<{ record: string; seq: number }>('key.revoke', args, context.signal);
  printResult(context, revoked, () => [
    'Your key is revoked: your feed has ended, and nobody counts your voice.',
    'Only your recovery key can go on with it: portalgun key recover',
  ]);
  return undefined;
}

export async function passphrase(context: Context, flags: { remove?: boolean }): Promise<undefined> {
  const next = flags.remove ? undefined : await context.home.passphrase(true);
  const home = await connect(context.home);
  const answer = await home.call<{ locked: boolean }>('key.passphrase', { next }, context.signal);
  printResult(context, answer, ({ locked }) =>
    locked ? 'The key is locked with this passphrase.' : 'The key lies open now, for you alone to read.',
  );
  return undefined;
}

export async function backup(context: Context, file: string): Promise<undefined> {
  const { identity } = await backUp(context.home, file, new Date());
  const locked = identity.keys.every((key) => key.locked);
  printResult(context, { file, author: identity.author, locked }, () => [
    `Kept in ${file}: your identity, your policy, your config. Not your records: peers have them.`,
    locked
      ? 'It opens with your passphrase.'
      : 'The key in it is not locked: whoever reads that file is you. portalgun key passphrase locks it.',
  ]);
  return undefined;
}

export async function restore(context: Context, file: string): Promise<undefined> {
  await openHome(context.home);
  const { author } = await restoreIdentity(context.home, file);
  printResult(context, { author, home: context.home.root }, () => [
    `You are ${author} again.`,
    'Nothing is signed here until a peer has said how far your feed is: portalgun node start',
    'Is the old machine still in use? One key on two machines forks your feed: use it on one of them only.',
  ]);
  return undefined;
}
